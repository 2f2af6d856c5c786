namespace TorchKv.Runtime.Contracts.Live;

/// <summary>Why the prefix cache does not have more of a prompt.</summary>
public enum PrefixReason
{
    /// <summary>Prefix caching is switched off.</summary>
    CachingOff,

    /// <summary>The prompt, or what is left of it, does not fill a block; only full blocks are found again.</summary>
    LessThanOneBlock,

    /// <summary>
    /// All of the prompt is cached, but its last token is computed in any case, since its logits give the next one; so
    /// its block is not used.
    /// </summary>
    LastTokenIsComputed,

    /// <summary>The nearest cached block has another token.</summary>
    DifferentToken,

    /// <summary>The same block is cached under another salt, and tenants never share.</summary>
    OtherTenant,

    /// <summary>The block was cached, and has been given to another use since.</summary>
    Evicted,

    /// <summary>Nothing that is cached continues like this prompt.</summary>
    NeverComputed,
}
