namespace TorchKv.Runtime.Contracts.Live;

/// <summary>An engine between two steps.</summary>
/// <param name="Time">Milliseconds since the watch began.</param>
/// <param name="BlockSize">Tokens in a block.</param>
/// <param name="TotalBlocks">Blocks of the pool.</param>
/// <param name="BytesPerBlock">Bytes of a block's keys and values.</param>
/// <param name="ContextLength">Tokens that one sequence can have.</param>
/// <param name="Blocks">The blocks that are not free.</param>
/// <param name="Requests">Requests that have not ended, and those that ended last.</param>
/// <param name="Steps">The last steps, the oldest first.</param>
/// <param name="Counters">What the engine has counted since it started.</param>
public sealed record LiveSnapshot(
    double Time,
    int BlockSize,
    int TotalBlocks,
    long BytesPerBlock,
    int ContextLength,
    IReadOnlyList<LiveBlock> Blocks,
    IReadOnlyList<LiveRequest> Requests,
    IReadOnlyList<LiveStep> Steps,
    LiveCounters Counters);
