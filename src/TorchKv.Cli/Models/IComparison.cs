using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Models;

/// <summary>
/// Generates the same text from one model with several kinds of cache, and measures the time of each token.
/// </summary>
internal interface IComparison : IDisposable
{
    int ContextLength { get; }

    int VocabSize { get; }

    /// <summary>Model, library, device and dtype, in words.</summary>
    string Description { get; }

    /// <summary>The kinds of cache, as <see cref="CacheKinds"/> names them.</summary>
    IReadOnlyList<string> Kinds { get; }

    /// <summary>Generates the tokens with one kind of cache.</summary>
    /// <param name="kind">One of <see cref="Kinds"/>.</param>
    /// <param name="prompt">Together with the new tokens no longer than the context.</param>
    /// <param name="newTokens">One at least.</param>
    /// <param name="sampling">How a token is chosen; every way draws with the same seed.</param>
    /// <param name="report">Called after each token.</param>
    /// <param name="cancellationToken">Ends between tokens.</param>
    VariantResult Run(
        string kind,
        IReadOnlyList<int> prompt,
        int newTokens,
        GenerationOptions sampling,
        Action<int> report,
        CancellationToken cancellationToken);
}
