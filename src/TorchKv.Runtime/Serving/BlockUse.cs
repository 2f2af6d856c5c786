namespace TorchKv.Runtime.Serving;

/// <summary>The state of a KV block.</summary>
public enum BlockUse
{
    /// <summary>Its content is not needed.</summary>
    Free,

    /// <summary>No sequence holds it, but the prefix index can find it.</summary>
    Cached,

    /// <summary>One sequence holds it.</summary>
    Held,

    /// <summary>Several sequences hold it.</summary>
    Shared,
}
