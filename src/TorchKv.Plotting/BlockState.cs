namespace TorchKv.Plotting;

/// <summary>What a KV block is used for.</summary>
internal enum BlockState
{
    /// <summary>For nothing.</summary>
    Free,

    /// <summary>It is in no block table, but a later request can find its content.</summary>
    Cached,

    /// <summary>It is in one block table.</summary>
    Held,

    /// <summary>It is in several block tables.</summary>
    Shared,
}
