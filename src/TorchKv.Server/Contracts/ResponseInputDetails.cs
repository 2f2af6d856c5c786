namespace TorchKv.Server.Contracts;

/// <summary>Of the input's tokens, those whose keys and values were in the cache.</summary>
internal sealed record ResponseInputDetails
{
    public int CachedTokens { get; init; }

    public int CacheWriteTokens { get; init; }
}
