using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Models;

/// <summary>A model that makes the same text in several ways, each token timed.</summary>
internal interface IComparison : IDisposable
{
    int ContextLength { get; }

    int VocabSize { get; }

    /// <summary>Model, library, device and dtype, in words.</summary>
    string Description { get; }

    /// <summary>The ways, as <see cref="CacheKinds"/> names them.</summary>
    IReadOnlyList<string> Kinds { get; }

    /// <summary>Makes the tokens in one way.</summary>
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
