using System.Text.Json.Serialization;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Server.Internal;

/// <summary>
/// A piece of a generation on its way from a replica to a router. Names are short, since there is one a token.
/// </summary>
internal sealed record InternalPiece
{
    [JsonPropertyName("r")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Row { get; init; }

    [JsonPropertyName("t")]
    public string? Text { get; init; }

    [JsonPropertyName("i")]
    public IReadOnlyList<int>? TokenIds { get; init; }

    [JsonPropertyName("p")]
    public IReadOnlyList<ScoredToken>? LogProbs { get; init; }

    [JsonPropertyName("q")]
    public IReadOnlyList<ScoredToken>? PromptLogProbs { get; init; }

    [JsonPropertyName("f")]
    public FinishReason? FinishReason { get; init; }

    [JsonPropertyName("s")]
    public string? StopText { get; init; }

    [JsonPropertyName("d")]
    public int? StopTokenId { get; init; }

    [JsonPropertyName("u")]
    public Usage? Usage { get; init; }

    /// <summary>Milliseconds in the replica's queue.</summary>
    [JsonPropertyName("w")]
    public double? QueueTime { get; init; }

    [JsonPropertyName("n")]
    public int? Preemptions { get; init; }

    /// <summary>Set on the one event that ends a stream that failed; nothing else is then.</summary>
    [JsonPropertyName("error")]
    public InternalError? Error { get; init; }

    public static InternalPiece Of(GeneratedPiece piece) => new()
    {
        Row = piece.Row,
        Text = piece.Text.Length == 0 ? null : piece.Text,
        TokenIds = piece.TokenIds.Count == 0 ? null : piece.TokenIds,
        LogProbs = piece.LogProbs.Count == 0 ? null : piece.LogProbs,
        PromptLogProbs = piece.PromptLogProbs,
        FinishReason = piece.FinishReason,
        StopText = piece.StopReason?.Text,
        StopTokenId = piece.StopReason?.TokenId,
        Usage = piece.Usage,
        QueueTime = piece.QueueTime?.TotalMilliseconds,
        Preemptions = piece.Preemptions,
    };

    public GeneratedPiece ToPiece() => new()
    {
        Row = Row,
        Text = Text ?? "",
        TokenIds = TokenIds ?? [],
        LogProbs = LogProbs ?? [],
        PromptLogProbs = PromptLogProbs,
        FinishReason = FinishReason,
        StopReason = StopText is null && StopTokenId is null ? null : new StopReason(StopText, StopTokenId),
        Usage = Usage,
        QueueTime = QueueTime is { } wait ? TimeSpan.FromMilliseconds(wait) : null,
        Preemptions = Preemptions,
    };
}
