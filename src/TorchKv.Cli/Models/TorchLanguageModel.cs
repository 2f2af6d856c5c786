using System.Runtime.InteropServices;
using TorchKv.Caching;
using TorchKv.Generation;
using TorchKv.Loading;
using TorchKv.Models;
using TorchKv.Runtime;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchKv.Cli.Models;

/// <summary>The port's modules on libtorch.</summary>
internal sealed class TorchLanguageModel : ILanguageModel
{
    private readonly TextGenerator _generator;
    private readonly GPTModel _model;
    private readonly CacheChoice _cache;

    private TorchLanguageModel(TextGenerator generator, Gpt2Config config, CacheChoice cache, string description)
    {
        (_generator, _model, _cache) = (generator, generator.Model, cache);
        (Config, Description) = (config, description);
    }

    public Gpt2Config Config { get; }

    public Gpt2Tokenizer? Tokenizer => _generator.Tokenizer;

    public string Description { get; }

    public CacheReport Cache => new(_cache.Kind, _generator.LastCacheUsage.Tokens, _generator.LastCacheUsage.Capacity, _generator.LastCacheUsage.Bytes);

    public static TorchLanguageModel Load(ModelRequest request, CacheChoice cache)
    {
        if (request.Threads is { } threads)
        {
            set_num_threads(threads);
        }

        var config = Gpt2Config.Load(request.Directory);
        var device = Devices.parse(request.Device);
        var generator = TextGenerator.Load(request.Directory, device, Dtype(request.Dtype), Options(cache));
        var where = device.type == DeviceType.CPU ? $"cpu, {Threads(get_num_threads())}" : device.ToString();
        return new TorchLanguageModel(generator, config, cache, $"{request.Directory} · libtorch {torch.__version__} · {where} · {request.Dtype}");
    }

    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(IReadOnlyList<int[]> prompts, GenerationOptions options, CancellationToken cancellationToken) =>
        _generator.GenerateAsync(prompts, options, cancellationToken);

    public async Task<IReadOnlyList<BeamResult>> BeamSearchAsync(int[] prompt, BeamRequest request, CancellationToken cancellationToken)
    {
        var found = await _generator.BeamSearchAsync(prompt, request.Beams, request.Options, cancellationToken).ConfigureAwait(false);
        return [.. found.Select(beam => new BeamResult(beam.TokenIds, Tokenizer?.Decode(beam.TokenIds), beam.Score, beam.FinishReason))];
    }

    public void Logits(ReadOnlyMemory<int> ids, IReadOnlyList<int> chunks, Action<int, ReadOnlySpan<float>> receive, CancellationToken cancellationToken)
    {
        using var inference = inference_mode();
        _model.set_kv_cache(KvCacheKind.Static);
        var position = 0;
        foreach (var length in chunks)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var logits = _model.forward(Upload(ids.Span.Slice(position, length)), use_cache: true);
            receive(position, MemoryMarshal.Cast<byte, float>(ToHost(logits).bytes));
            position += length;
        }
    }

    public IReadOnlyList<CacheTensor> ExportCache()
    {
        using var inference = inference_mode();
        var tensors = new List<CacheTensor>();
        for (var layer = 0; layer < Config.LayerCount; layer++)
        {
            using var scope = NewDisposeScope();
            var cache = _model.trf_blocks[layer].att.kv_cache;
            tensors.Add(Export($"cache_k.{layer}", cache.cache_k!, cache.length));
            tensors.Add(Export($"cache_v.{layer}", cache.cache_v!, cache.length));
        }

        return tensors;
    }

    public double SumNegativeLogLikelihood(ReadOnlyMemory<int> ids, int first, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        var input = Upload(ids.Span);
        // Logits at t − 1 score the token at t: those at first − 1 … end − 2 are wanted.
        var scored = ids.Length - first;
        var logits = _model.forward(input, logits_to_keep: scored + 1).narrow(1, 0, scored).squeeze(0).to(float32);
        var targets = input.narrow(1, first, scored).squeeze(0);
        return nn.functional.cross_entropy(logits, targets, reduction: nn.Reduction.None).to(float64).sum().cpu().item<double>();
    }

    public ValueTask DisposeAsync()
    {
        _generator.Dispose();
        return ValueTask.CompletedTask;
    }

    internal static TextGeneratorOptions Options(CacheChoice cache) => new()
    {
        Cache = Kind(cache.Kind),
        WindowSize = cache.Window,
    };

    internal static KvCacheKind? Kind(string name) => name switch
    {
        CacheKinds.None => null,
        CacheKinds.Concat => KvCacheKind.Concat,
        CacheKinds.Static => KvCacheKind.Static,
        CacheKinds.SlidingWindow => KvCacheKind.SlidingWindow,
        CacheKinds.Quantized => KvCacheKind.Quantized,
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "Not a kind of cache."),
    };

    internal static string Threads(int count) => count == 1 ? "1 thread" : $"{count} threads";

    internal static ScalarType Dtype(string name) => name switch
    {
        "bfloat16" => bfloat16,
        "float16" => float16,
        _ => float32,
    };

    private static CacheTensor Export(string name, Tensor buffer, long tokens)
    {
        // (1, heads, slots, head_dim): of the slots, the first are the tokens.
        var held = ToHost(buffer.narrow(2, 0, tokens).squeeze(0));
        return new CacheTensor(name, held.shape, MemoryMarshal.Cast<byte, float>(held.bytes).ToArray());
    }

    private static Tensor ToHost(Tensor tensor) => tensor.to(float32).to(CPU).contiguous();

    private Tensor Upload(ReadOnlySpan<int> ids)
    {
        var values = new long[ids.Length];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = ids[i];
        }

        return tensor(values, [1, values.Length], dtype: int64, device: _model.tok_emb.weight!.device);
    }
}
