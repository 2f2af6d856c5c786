namespace TorchKv.Server.Contracts;

/// <summary>A token and its log-probability.</summary>
internal sealed record TopLogprob
{
    public required string Token { get; init; }

    public required float Logprob { get; init; }

    public required IReadOnlyList<int> Bytes { get; init; }
}
