namespace TorchKv.Server.Contracts;

/// <summary>Log-probabilities of a completion's tokens, in parallel lists.</summary>
internal sealed record CompletionLogprobs
{
    public required IReadOnlyList<string> Tokens { get; init; }

    public required IReadOnlyList<float?> TokenLogprobs { get; init; }

    public IReadOnlyList<IReadOnlyDictionary<string, float>?>? TopLogprobs { get; init; }

    public required IReadOnlyList<int> TextOffset { get; init; }
}
