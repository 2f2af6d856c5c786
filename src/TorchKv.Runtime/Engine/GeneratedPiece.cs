namespace TorchKv.Runtime;

/// <summary>Why a generation ended.</summary>
public enum FinishReason
{
    /// <summary>An end-of-text id or a stop text.</summary>
    Stop,

    /// <summary>The token budget or the context's end.</summary>
    Length,
}

/// <summary>What a generation cost, in tokens.</summary>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="CompletionTokens">Tokens that were generated, an end-of-text id not counted.</param>
/// <param name="CachedTokens">Tokens of the prompt whose keys and values were found in the prefix cache.</param>
public readonly record struct Usage(int PromptTokens, int CompletionTokens, int CachedTokens = 0);

/// <summary>A piece of a stream of generated text. Pieces join to the whole text; a character is never cut.</summary>
public sealed record GeneratedPiece
{
    /// <summary>The row of the batch that the piece belongs to; 0 where there is one prompt.</summary>
    public int Row { get; init; }

    /// <summary>New text; empty where the ids so far end in the middle of a character, or could begin a stop text.</summary>
    public string Text { get; init; } = "";

    /// <summary>The new token ids, in order.</summary>
    public IReadOnlyList<int> TokenIds { get; init; } = [];

    /// <summary>Set on a row's last piece.</summary>
    public FinishReason? FinishReason { get; init; }

    /// <summary>Set on a row's last piece.</summary>
    public Usage? Usage { get; init; }
}
