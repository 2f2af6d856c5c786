namespace TorchKv.PortChecking.Findings;

/// <summary>Why the port attends to another number of keys.</summary>
internal enum KeyCountCause
{
    /// <summary>The port attends to the step's own tokens only, although there are cached ones.</summary>
    PortWithoutCache,

    /// <summary>The original attends to the step's own tokens only, although there are cached ones.</summary>
    OriginalWithoutCache,

    /// <summary>The port has more keys although the cache should be empty.</summary>
    CacheNotReset,

    /// <summary>The port has more keys than the original.</summary>
    MoreKeys,

    /// <summary>The port has fewer keys than the original.</summary>
    FewerKeys,
}
