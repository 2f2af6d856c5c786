namespace TorchKv.Runtime.Contracts;

/// <summary>Generates tokens and text for any number of callers at once: an engine, or a router over several.</summary>
/// <remarks>
/// Thread-safe. Servers and chat clients see this interface and never the scheduler, the pool or a runner.
/// </remarks>
public interface IGenerator
{
    /// <summary>The model's shape.</summary>
    ModelShape Model { get; }

    /// <summary>How busy the generator is at this moment.</summary>
    GeneratorLoad Load { get; }

    /// <summary>
    /// Generates from token ids. The request is submitted when reading begins, and ends when reading does.
    /// </summary>
    /// <param name="promptIds">Token ids, at least one; they are copied.</param>
    /// <param name="options">What to generate; null: 64 tokens, greedy.</param>
    /// <param name="cancellationToken">Ends the generation within a step.</param>
    /// <returns>
    /// The pieces as they come, of all samples; a sample's last piece says why it ended and what it cost.
    /// </returns>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    /// <exception cref="RequestException">The prompt is empty or holds an id outside the vocabulary.</exception>
    /// <exception cref="ContextLengthException">The prompt leaves no room for a token.</exception>
    /// <exception cref="PoolCapacityException">The request could need more blocks than there are.</exception>
    /// <exception cref="QueueFullException">Too many requests wait.</exception>
    /// <exception cref="ConstraintException">The constraint is wrong, is not supported, or exceeds a limit.</exception>
    IAsyncEnumerable<GeneratedPiece> GenerateAsync(
        IReadOnlyList<int> promptIds,
        GenerationOptions? options = null,
        CancellationToken cancellationToken = default);
}
