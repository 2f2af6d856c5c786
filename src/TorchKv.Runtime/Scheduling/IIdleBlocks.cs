namespace TorchKv.Runtime.Scheduling;

/// <summary>Blocks that are held but not needed at the moment: those of sessions between two turns.</summary>
internal interface IIdleBlocks
{
    /// <summary>Releases the blocks that have been idle for the longest time; false where none are idle.</summary>
    bool TryRelease();
}
