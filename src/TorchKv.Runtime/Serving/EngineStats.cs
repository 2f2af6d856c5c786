namespace TorchKv.Runtime.Serving;

/// <summary>Where an engine stands, and what it has done since it started. A snapshot taken between two steps.</summary>
public readonly record struct EngineStats
{
    /// <summary>Requests that wait, preempted ones included.</summary>
    public int QueuedRequests { get; init; }

    /// <summary>Requests that run.</summary>
    public int RunningRequests { get; init; }

    /// <summary>Sequences that run: samples and beams each count.</summary>
    public int RunningSequences { get; init; }

    /// <summary>Blocks in the pool: free + held + cached.</summary>
    public int TotalBlocks { get; init; }

    /// <summary>Blocks with nothing of worth in them.</summary>
    public int FreeBlocks { get; init; }

    /// <summary>Blocks that requests and sessions hold.</summary>
    public int HeldBlocks { get; init; }

    /// <summary>The most blocks that requests and sessions held at once since the engine started; a shared block counts once.</summary>
    public int PeakHeldBlocks { get; init; }

    /// <summary>Bytes of keys and values of all layers in one block.</summary>
    public long BytesPerBlock { get; init; }

    /// <summary>Blocks that nobody holds but the prefix index can find.</summary>
    public int CachedBlocks { get; init; }

    /// <summary>Tokens of room in held blocks that no token is in: what paging wastes, in tokens.</summary>
    public long UnusedTokenSlots { get; init; }

    /// <summary>Steps run.</summary>
    public long Steps { get; init; }

    /// <summary>Tokens computed, prompts' and generated ones'.</summary>
    public long ComputedTokens { get; init; }

    /// <summary>Tokens given to readers.</summary>
    public long GeneratedTokens { get; init; }

    /// <summary>Prompt tokens of requests that were admitted.</summary>
    public long PromptTokens { get; init; }

    /// <summary>Of <see cref="PromptTokens"/>, those whose keys and values were there already.</summary>
    public long PrefixHitTokens { get; init; }

    /// <summary>Tokens that were guessed ahead and put to the model.</summary>
    public long DraftedTokens { get; init; }

    /// <summary>Of <see cref="DraftedTokens"/>, those that the model chose too.</summary>
    public long AcceptedDraftTokens { get; init; }

    /// <summary>How often a running request gave its blocks back to be computed again later.</summary>
    public long Preemptions { get; init; }

    /// <summary>Cached blocks that were given to another use.</summary>
    public long Evictions { get; init; }

    /// <summary>Requests that ended by themselves.</summary>
    public long CompletedRequests { get; init; }

    /// <summary>Requests that their callers ended, or left.</summary>
    public long CancelledRequests { get; init; }

    /// <summary>Requests that ended with an error, deadlines included.</summary>
    public long FailedRequests { get; init; }

    /// <summary>Time spent deciding what to run, over all steps.</summary>
    public TimeSpan SchedulingTime { get; init; }

    /// <summary>Time spent in the runner, over all steps.</summary>
    public TimeSpan RunnerTime { get; init; }
}
