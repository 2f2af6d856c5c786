namespace TorchKv.Server.Contracts;

/// <summary>Of the prompt's tokens, those whose keys and values were in the cache.</summary>
internal sealed record PromptTokensDetails
{
    public required int CachedTokens { get; init; }
}
