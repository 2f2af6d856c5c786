namespace TorchKv.Server.Contracts;

/// <summary>Of the answer's tokens, what each kind counts.</summary>
internal sealed record CompletionTokensDetails
{
    public int ReasoningTokens { get; init; }

    public int AcceptedPredictionTokens { get; init; }

    public int RejectedPredictionTokens { get; init; }
}
