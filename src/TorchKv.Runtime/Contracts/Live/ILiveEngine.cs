namespace TorchKv.Runtime.Contracts.Live;

/// <summary>A generator over paged KV blocks that lets others watch them.</summary>
/// <remarks>Thread-safe. It costs nothing while nobody watches.</remarks>
public interface ILiveEngine
{
    /// <summary>Begins to watch. One watch at a time; its owner shows it to as many as it likes.</summary>
    /// <param name="withTokens">
    /// Whether blocks come with their token ids, from which the texts of every caller can be read.
    /// </param>
    /// <exception cref="RequestException">The generator is being watched already.</exception>
    Task<ILiveWatch> WatchAsync(bool withTokens = false);

    /// <summary>Says how much of a prompt the prefix cache has at this moment, and why it has no more.</summary>
    /// <param name="promptIds">The prompt's token ids.</param>
    /// <param name="cacheSalt">The salt of the request that would have this prompt; null: none.</param>
    /// <exception cref="RequestException">The prompt is empty or holds an id outside the vocabulary.</exception>
    /// <exception cref="ContextLengthException">The prompt is longer than the context.</exception>
    Task<PrefixReport> ExplainPrefixAsync(IReadOnlyList<int> promptIds, string? cacheSalt = null);
}
