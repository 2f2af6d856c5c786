namespace TorchKv.Runtime.Contracts;

/// <summary>A piece of a stream of generated text. Pieces join to the whole text; a character is never cut.</summary>
public sealed record GeneratedPiece
{
    /// <summary>
    /// The sample or beam that the piece belongs to; in a stream of several prompts, the prompt's row.
    /// </summary>
    public int Row { get; init; }

    /// <summary>
    /// New text; empty where the ids so far end in the middle of a character, or could begin a stop text.
    /// </summary>
    public string Text { get; init; } = "";

    /// <summary>The new token ids, in order.</summary>
    public IReadOnlyList<int> TokenIds { get; init; } = [];

    /// <summary>For each of <see cref="TokenIds"/>, where log-probabilities were asked for.</summary>
    public IReadOnlyList<ScoredToken> LogProbs { get; init; } = [];

    /// <summary>
    /// On row 0's first piece, where asked for: for the prompt's second token and every later one. The first token has
    /// none.
    /// </summary>
    public IReadOnlyList<ScoredToken>? PromptLogProbs { get; init; }

    /// <summary>With beams, the sequence's score: HuggingFace's <c>sequences_scores</c>.</summary>
    public float? Score { get; init; }

    /// <summary>Set on a row's last piece.</summary>
    public FinishReason? FinishReason { get; init; }

    /// <summary>
    /// On a row's last piece, the stop text or the stop token that ended it; null where an end-of-text id, the
    /// constraint or a limit did.
    /// </summary>
    public StopReason? StopReason { get; init; }

    /// <summary>Set on a row's last piece. Each row counts the prompt, which they share.</summary>
    public Usage? Usage { get; init; }

    /// <summary>
    /// On a row's last piece: time from submission until the request was first admitted; null where it ended before.
    /// </summary>
    public TimeSpan? QueueTime { get; init; }

    /// <summary>
    /// On a row's last piece: how often the request gave its blocks back and was computed again; null where the
    /// generator does not say.
    /// </summary>
    public int? Preemptions { get; init; }
}
