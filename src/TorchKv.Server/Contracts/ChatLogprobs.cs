namespace TorchKv.Server.Contracts;

/// <summary>Log-probabilities of an answer's tokens.</summary>
internal sealed record ChatLogprobs
{
    public required IReadOnlyList<TokenLogprob> Content { get; init; }

    public IReadOnlyList<TokenLogprob>? Refusal { get; init; }
}
