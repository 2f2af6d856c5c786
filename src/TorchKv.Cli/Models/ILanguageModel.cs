using TorchKv.Runtime;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Text;

namespace TorchKv.Cli.Models;

/// <summary>What the cache of a generation held when it ended.</summary>
/// <param name="Kind">The kind, as <c>--cache</c> names it; <c>paged</c> on the CPU runner.</param>
/// <param name="Tokens">Tokens whose keys and values it held, over all rows.</param>
/// <param name="Capacity">Tokens that it could have held without growing, over all rows.</param>
/// <param name="Bytes">Bytes of its keys and values.</param>
internal readonly record struct CacheReport(string Kind, long Tokens, long Capacity, long Bytes);

/// <summary>One finished beam.</summary>
/// <param name="Ids">The new ids, an end-of-text id not among them.</param>
/// <param name="Text">Their text; null without a tokenizer.</param>
/// <param name="Score">HuggingFace's <c>sequences_scores</c>.</param>
internal sealed record BeamResult(IReadOnlyList<int> Ids, string? Text, double Score, FinishReason FinishReason);

/// <summary>Keys or values of one layer, (heads, tokens, head_dim), float32.</summary>
internal sealed record CacheTensor(string Name, long[] Shape, float[] Values);

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

/// <summary>A beam search as the command line asks for it.</summary>
internal sealed record BeamRequest(GenerationOptions Options, BeamSearchOptions Beams);
