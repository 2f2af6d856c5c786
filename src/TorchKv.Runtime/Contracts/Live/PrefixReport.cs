namespace TorchKv.Runtime.Contracts.Live;

/// <summary>How much of a prompt the prefix cache has, and why it has no more.</summary>
public sealed record PrefixReport
{
    /// <summary>Tokens in a block.</summary>
    public required int BlockSize { get; init; }

    /// <summary>Tokens of the prompt.</summary>
    public required int PromptTokens { get; init; }

    /// <summary>The blocks that a request with this prompt would take from the cache.</summary>
    public required IReadOnlyList<int> HitBlocks { get; init; }

    /// <summary>Why there are no more.</summary>
    public required PrefixReason Reason { get; init; }

    /// <summary>The first block of the prompt, from 0, that is not taken from the cache.</summary>
    public int MissedBlock => HitBlocks.Count;

    /// <summary>Tokens of the prompt that need not be computed.</summary>
    public int HitTokens => HitBlocks.Count * BlockSize;

    /// <summary>The position in the prompt of the first token that differs; null where no token differs.</summary>
    public int? DifferingPosition { get; init; }

    /// <summary>The prompt's tokens of the missed block; fewer than a block at the prompt's end.</summary>
    public required IReadOnlyList<int> Tokens { get; init; }

    /// <summary>The cached block that agrees with the prompt for longest; null: there is none.</summary>
    public int? NearestBlock { get; init; }

    /// <summary>The tokens of <see cref="NearestBlock"/>, the salt's own; null where there is none.</summary>
    public IReadOnlyList<int>? NearestTokens { get; init; }

    /// <summary>How long ago the block was evicted, in milliseconds; null where it was not.</summary>
    public double? EvictedMillisecondsAgo { get; init; }
}
