namespace TorchKv.Runtime.Contracts.Live;

/// <summary>One request.</summary>
public sealed record LiveRequest
{
    /// <summary>Its number, from 1 in the order in which requests came since the watch began.</summary>
    public required long Number { get; init; }

    /// <summary>What happens to it.</summary>
    public LivePhase Phase { get; init; }

    /// <summary>Whose it is: 0 for requests without a salt, else a number for each salt.</summary>
    public int Tenant { get; init; }

    /// <summary>Its priority; lower runs first.</summary>
    public int Priority { get; init; }

    /// <summary>Samples or beams that it asks for.</summary>
    public int Sequences { get; init; }

    /// <summary>Tokens of its prompt.</summary>
    public int PromptTokens { get; init; }

    /// <summary>Prompt tokens that the prefix cache had when it was admitted.</summary>
    public int CachedTokens { get; init; }

    /// <summary>Tokens generated, over all its sequences.</summary>
    public int GeneratedTokens { get; init; }

    /// <summary>Drafts that were verified.</summary>
    public int DraftedTokens { get; init; }

    /// <summary>Drafts that were accepted.</summary>
    public int AcceptedDraftTokens { get; init; }

    /// <summary>How often it was preempted.</summary>
    public int Preemptions { get; init; }

    /// <summary>When it was submitted, in milliseconds since the watch began; below 0 for before.</summary>
    public double SubmittedAt { get; init; }

    /// <summary>When its first token came; null: not yet.</summary>
    public double? FirstTokenAt { get; init; }

    /// <summary>When it ended; null: not yet.</summary>
    public double? EndedAt { get; init; }

    /// <summary>The place of the first of <see cref="Spans"/> among all its spans.</summary>
    public int FirstSpan { get; init; }

    /// <summary>What happened to it, in order; the last one grows.</summary>
    public required IReadOnlyList<LiveSpan> Spans { get; init; }
}
