using System.Diagnostics;
using System.Runtime.InteropServices;
using TorchKv.Caching;
using TorchKv.Loading;
using TorchKv.Models;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchKv.Cli.Models;

/// <summary>The port's model, run on one prompt with one cache after another.</summary>
internal sealed class TorchComparison : IComparison
{
    private readonly GPTModel _model;
    private readonly Device _device;

    private TorchComparison(GPTModel model, Device device, string description) => (_model, _device, Description) = (model, device, description);

    public int ContextLength => _model.cfg.context_length;

    public int VocabSize => _model.cfg.vocab_size;

    public string Description { get; }

    /// <summary>The caches that go with this model: a sliding window as wide as its configuration says, or as its context.</summary>
    public IReadOnlyList<string> Kinds => CacheKinds.Names;

    public int Window => _model.cfg.kv_window_size ?? _model.cfg.context_length;

    /// <summary>A checkpoint.</summary>
    public static TorchComparison Load(ModelRequest request)
    {
        var device = Prepare(request);
        return new TorchComparison(GPTModel.from_pretrained(request.Directory, device, TorchLanguageModel.Dtype(request.Dtype)), device, Describe(request.Directory, request, device));
    }

    /// <summary>Random weights, as the article's scripts make them: the seed, then the model on the CPU, then the device.</summary>
    /// <param name="configJson">A configuration under the article's keys; null: the article's GPT-2 124M.</param>
    /// <param name="seed">For torch's generator.</param>
    /// <param name="request">Device, dtype and threads.</param>
    public static TorchComparison Random(string? configJson, ulong seed, ModelRequest request)
    {
        var cfg = configJson is null ? GPTConfig.GPT_CONFIG_124M : GPTConfig.from_json(configJson);
        var device = Prepare(request);
        manual_seed(unchecked((long)seed));
        var model = new GPTModel(cfg);
        model.to(device);
        model.to(TorchLanguageModel.Dtype(request.Dtype));
        model.eval();
        return new TorchComparison(model, device, Describe($"random weights from seed {seed}", request, device));
    }

    public VariantResult Run(string kind, IReadOnlyList<int> prompt, int newTokens, GenerationOptions sampling, Action<int> report, CancellationToken cancellationToken)
    {
        using var inference = inference_mode();
        var useCache = TorchLanguageModel.Kind(kind) is not null;
        SetCache(kind, prompt.Count + newTokens);
        var sampler = new Sampler(VocabSize);
        var ids = new List<int>(prompt);
        var times = new List<TimeSpan>(newTokens);
        for (var i = 0; i < newTokens; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var start = Stopwatch.GetTimestamp();
            var fed = useCache && i > 0 ? CollectionsMarshal.AsSpan(ids)[^1..] : CollectionsMarshal.AsSpan(ids);
            ids.Add(Next(fed, useCache, sampler, sampling, ids, i));
            times.Add(Stopwatch.GetElapsedTime(start));
            report(i + 1);
        }

        return new VariantResult(kind, ids, times, useCache ? _model.kv_bytes : 0);
    }

    public void Dispose() => _model.Dispose();

    private static Device Prepare(ModelRequest request)
    {
        if (request.Threads is { } threads)
        {
            set_num_threads(threads);
        }

        return Devices.parse(request.Device);
    }

    private static string Describe(string what, ModelRequest request, Device device) =>
        $"{what} · libtorch {torch.__version__} · {(device.type == DeviceType.CPU ? $"cpu, {TorchLanguageModel.Threads(get_num_threads())}" : device.ToString())} · {request.Dtype}";

    private int Next(ReadOnlySpan<int> fed, bool useCache, Sampler sampler, GenerationOptions sampling, List<int> ids, int step)
    {
        using var scope = NewDisposeScope();
        var input = new long[fed.Length];
        for (var i = 0; i < input.Length; i++)
        {
            input[i] = fed[i];
        }

        var logits = _model.forward(tensor(input, [1, input.Length], dtype: int64, device: _device), useCache, logits_to_keep: 1);
        var host = logits.to(float32).to(CPU).contiguous();
        return sampler.Sample(MemoryMarshal.Cast<byte, float>(host.bytes), CollectionsMarshal.AsSpan(ids), sampling, sampling.Seed ?? 0, step);
    }

    private void SetCache(string kind, int tokens)
    {
        switch (TorchLanguageModel.Kind(kind))
        {
            case null:
                _model.reset_kv_cache();
                break;
            case KvCacheKind.Static:
                _model.set_kv_cache(() => new StaticKvCache(ContextLength, Math.Min(tokens, ContextLength)));
                break;
            case { } other:
                _model.set_kv_cache(other, other is KvCacheKind.SlidingWindow ? Window : null);
                break;
        }
    }
}
