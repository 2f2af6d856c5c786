namespace TorchKv.Server.Contracts;

/// <summary>What a response cost, in tokens.</summary>
internal sealed record ResponseUsage
{
    public required int InputTokens { get; init; }

    public required ResponseInputDetails InputTokensDetails { get; init; }

    public required int OutputTokens { get; init; }

    public ResponseOutputDetails OutputTokensDetails { get; init; } = new();

    public required int TotalTokens { get; init; }
}
