namespace TorchKv.Server.Contracts;

/// <summary>A token of the answer, its log-probability, and the best tokens there.</summary>
internal sealed record TokenLogprob
{
    public required string Token { get; init; }

    public required float Logprob { get; init; }

    public required IReadOnlyList<int> Bytes { get; init; }

    public required IReadOnlyList<TopLogprob> TopLogprobs { get; init; }
}
