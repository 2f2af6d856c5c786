namespace TorchKv.Server.Contracts;

/// <summary>How an answer's tokens would be chosen.</summary>
internal sealed record SamplingFields
{
    public int N { get; init; }

    public float? Temperature { get; init; }

    public float? TopP { get; init; }

    public int? TopK { get; init; }

    public float? MinP { get; init; }

    public float? RepetitionPenalty { get; init; }

    public ulong? Seed { get; init; }

    public required IReadOnlyList<string> Stop { get; init; }

    public required IReadOnlyList<int> StopTokenIds { get; init; }

    public int MaxTokens { get; init; }

    public int? Logprobs { get; init; }

    public bool IgnoreEos { get; init; }
}
