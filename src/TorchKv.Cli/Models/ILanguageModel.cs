using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;

namespace TorchKv.Cli.Models;

/// <summary>A loaded model as the commands use it, whichever runner is under it.</summary>
internal interface ILanguageModel : IAsyncDisposable
{
    Gpt2Config Config { get; }

    /// <summary>The checkpoint's tokenizer; null where the folder has none.</summary>
    Gpt2Tokenizer? Tokenizer { get; }

    /// <summary>Runner, device, dtype and threads, in words.</summary>
    string Description { get; }

    /// <summary>The cache as the last generation left it.</summary>
    CacheReport Cache { get; }

    /// <summary>Generates for all prompts as one batch.</summary>
    IAsyncEnumerable<GeneratedPiece> GenerateAsync(IReadOnlyList<int[]> prompts, GenerationOptions options, CancellationToken cancellationToken);

    /// <summary>Beam search for one prompt; best first.</summary>
    Task<IReadOnlyList<BeamResult>> BeamSearchAsync(int[] prompt, BeamRequest request, CancellationToken cancellationToken);

    /// <summary>Feeds ids in pieces through one cache and gives each piece's logits, (piece, vocabulary), as they come.</summary>
    /// <param name="ids">At most the context's length.</param>
    /// <param name="chunks">Lengths of the pieces; they sum to the ids.</param>
    /// <param name="receive">Takes the position of a piece's first token and its logits.</param>
    /// <param name="cancellationToken">Ends between pieces.</param>
    void Logits(ReadOnlyMemory<int> ids, IReadOnlyList<int> chunks, Action<int, ReadOnlySpan<float>> receive, CancellationToken cancellationToken);

    /// <summary>Keys and values of every layer as the last <see cref="Logits"/> left them.</summary>
    IReadOnlyList<CacheTensor> ExportCache();

    /// <summary>Σ −ln p(ids[t] | ids before t) for t from <paramref name="first"/> (at least 1), the ids read as one sequence from position 0.</summary>
    double SumNegativeLogLikelihood(ReadOnlyMemory<int> ids, int first, CancellationToken cancellationToken);
}
