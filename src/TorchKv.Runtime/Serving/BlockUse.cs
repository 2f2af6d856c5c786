namespace TorchKv.Runtime.Serving;

/// <summary>What a KV block is doing.</summary>
public enum BlockUse
{
    /// <summary>Nothing of worth is in it.</summary>
    Free,

    /// <summary>Nobody holds it, but the prefix index can find it.</summary>
    Cached,

    /// <summary>One sequence holds it.</summary>
    Held,

    /// <summary>Several hold it.</summary>
    Shared,
}
