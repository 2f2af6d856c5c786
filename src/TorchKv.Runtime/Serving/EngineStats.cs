namespace TorchKv.Runtime.Serving;

/// <summary>Statistics of an engine: of the present, and counts since it started. Taken between two steps.</summary>
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

    /// <summary>Blocks whose content is not needed.</summary>
    public int FreeBlocks { get; init; }

    /// <summary>Blocks that requests and sessions hold.</summary>
    public int HeldBlocks { get; init; }

    /// <summary>
    /// The most blocks that requests and sessions held at once since the engine started; a shared block counts once.
    /// </summary>
    public int PeakHeldBlocks { get; init; }

    /// <summary>Bytes of keys and values of all layers in one block.</summary>
    public long BytesPerBlock { get; init; }

    /// <summary>Blocks that no request or session holds but that the prefix index can find.</summary>
    public int CachedBlocks { get; init; }

    /// <summary>Free token slots in held blocks, in tokens: the memory that paging wastes.</summary>
    public long UnusedTokenSlots { get; init; }

    /// <summary>Steps run.</summary>
    public long Steps { get; init; }

    /// <summary>How many steps had how many tokens.</summary>
    public StepTokenCounts StepTokens { get; init; }

    /// <summary>Tokens computed, of prompts and of generated text.</summary>
    public long ComputedTokens { get; init; }

    /// <summary>Tokens given to readers.</summary>
    public long GeneratedTokens { get; init; }

    /// <summary>Prompt tokens of requests that were admitted.</summary>
    public long PromptTokens { get; init; }

    /// <summary>Of <see cref="PromptTokens"/>, those that the prefix cache or a session had.</summary>
    public long PrefixHitTokens { get; init; }

    /// <summary>How often drafts of a sequence were verified, each time one or several.</summary>
    public long Drafts { get; init; }

    /// <summary>Drafted tokens that the model verified.</summary>
    public long DraftedTokens { get; init; }

    /// <summary>Of <see cref="DraftedTokens"/>, those that were accepted.</summary>
    public long AcceptedDraftTokens { get; init; }

    /// <summary>The same, by their place among the tokens that were drafted together.</summary>
    public DraftPositionCounts AcceptedDraftPositions { get; init; }

    /// <summary>
    /// How often a running request was preempted: its blocks were released, to be computed again later.
    /// </summary>
    public long Preemptions { get; init; }

    /// <summary>Cached blocks that were allocated to another sequence.</summary>
    public long Evictions { get; init; }

    /// <summary>Requests that ended with a whole answer.</summary>
    public long CompletedRequests { get; init; }

    /// <summary>Requests that their callers cancelled or abandoned.</summary>
    public long CancelledRequests { get; init; }

    /// <summary>Requests that ended with an error, deadlines included.</summary>
    public long FailedRequests { get; init; }

    /// <summary>Time spent on drafting and scheduling, over all steps.</summary>
    public TimeSpan SchedulingTime { get; init; }

    /// <summary>Time spent in the runner, over all steps.</summary>
    public TimeSpan RunnerTime { get; init; }
}
