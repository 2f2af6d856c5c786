namespace TorchKv.Runtime.Contracts.Live;

/// <summary>What a block is used for.</summary>
public enum LiveBlockState
{
    /// <summary>Its content is not needed.</summary>
    Free,

    /// <summary>At least one sequence or session holds it.</summary>
    Held,

    /// <summary>Without a holder, but a later request can find it until it is evicted.</summary>
    Cached,
}
