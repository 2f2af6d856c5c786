using TorchKv.Benchmarks.Measuring;
using TorchKv.Caching;
using TorchKv.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchKv.Benchmarks.Port;

/// <summary>
/// The port's own loop through no cache, <see cref="ConcatKvCache"/> or <see cref="StaticKvCache"/>: what
/// benchmarks/compare/gpt2_pytorch.py does, line for line.
/// </summary>
internal sealed class ModuleLoop : IGreedyLoop
{
    private readonly GPTModel _model;
    private readonly bool _useCache;
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly IDisposable _mode = inference_mode();
    private Tensor _step;

    public ModuleLoop(GPTModel model, Device device, TorchRequest request)
    {
        _model = model;
        _useCache = request.Cache != "none";
        if (_useCache)
        {
            model.set_kv_cache(
                request.Cache.EndsWith("static", StringComparison.Ordinal) ? KvCacheKind.Static : KvCacheKind.Concat);
        }

        _step = tensor(
            MadeUpPrompts.Of(request, model.cfg.vocab_size), [request.Batch, request.Prompt], device: device);
    }

    /// <summary>Whether another token fits the context.</summary>
    public bool HasRoom => _model.current_pos + _step.size(1) <= _model.cfg.context_length;

    /// <inheritdoc/>
    public int Next()
    {
        using var scope = NewDisposeScope();
        var logits = _model.forward(_step, _useCache, logits_to_keep: 1);       // (b, 1, vocab)
        var next_ids = logits.argmax(-1);                                       // (b, 1)
        var first = next_ids.is_meta ? 0 : (int)next_ids[0, 0].ToInt64();

        // With a cache the next step has the new tokens alone, (b, 1), without one all, (b, t + 1)
        var step = _useCache ? next_ids : cat([_step, next_ids], 1);
        _step.Dispose();
        _step = step.MoveToOuterDisposeScope();
        return first;
    }

    public void Dispose()
    {
        _mode.Dispose();
        _scope.Dispose();
        _model.reset_kv_cache();
    }
}
