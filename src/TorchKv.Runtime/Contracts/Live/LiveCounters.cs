namespace TorchKv.Runtime.Contracts.Live;

/// <summary>Counters of an engine: of the present, and since it started.</summary>
public readonly record struct LiveCounters
{
    /// <summary>Requests that wait.</summary>
    public int Queued { get; init; }

    /// <summary>Requests that run.</summary>
    public int Running { get; init; }

    /// <summary>Sequences that run.</summary>
    public int RunningSequences { get; init; }

    /// <summary>Free blocks.</summary>
    public int FreeBlocks { get; init; }

    /// <summary>Blocks with a holder.</summary>
    public int HeldBlocks { get; init; }

    /// <summary>Blocks without a holder that can be found.</summary>
    public int CachedBlocks { get; init; }

    /// <summary>Token places in held blocks of running sequences that no token uses.</summary>
    public long UnusedTokenSlots { get; init; }

    /// <summary>
    /// Token places that no token would use if each running sequence had memory for the whole context reserved.
    /// </summary>
    public long UnusedIfReserved { get; init; }

    /// <summary>Prompt tokens of admitted requests.</summary>
    public long PromptTokens { get; init; }

    /// <summary>Prompt tokens that the prefix cache had, so that they were not computed.</summary>
    public long PrefixHitTokens { get; init; }

    /// <summary>Tokens computed.</summary>
    public long ComputedTokens { get; init; }

    /// <summary>Tokens generated.</summary>
    public long GeneratedTokens { get; init; }

    /// <summary>Drafts verified.</summary>
    public long DraftedTokens { get; init; }

    /// <summary>Drafts accepted.</summary>
    public long AcceptedDraftTokens { get; init; }

    /// <summary>Preemptions.</summary>
    public long Preemptions { get; init; }

    /// <summary>Cached blocks given to another use.</summary>
    public long Evictions { get; init; }
}
