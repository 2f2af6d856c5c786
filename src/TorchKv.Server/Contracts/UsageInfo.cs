namespace TorchKv.Server.Contracts;

/// <summary>What a request cost, in tokens.</summary>
internal sealed record UsageInfo
{
    public required int PromptTokens { get; init; }

    public required int CompletionTokens { get; init; }

    public required int TotalTokens { get; init; }

    public required PromptTokensDetails PromptTokensDetails { get; init; }

    public CompletionTokensDetails CompletionTokensDetails { get; init; } = new();
}
