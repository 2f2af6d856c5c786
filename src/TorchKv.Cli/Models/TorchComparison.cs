using System.Diagnostics;
using TorchKv.Models;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using static TorchKv.Models.TextGeneration;
using static TorchSharp.torch;

namespace TorchKv.Cli.Models;

/// <summary>Runs the port's model on one prompt once for each kind of cache.</summary>
internal sealed class TorchComparison(PortModel port) : IComparison
{
    public int ContextLength => port.Model.cfg.context_length;

    public int VocabSize => port.Model.cfg.vocab_size;

    public string Description => port.Description;

    /// <summary>
    /// The caches that go with this model: a sliding window as wide as its configuration says, or as its context.
    /// </summary>
    public IReadOnlyList<string> Kinds => CacheKinds.Names;

    public VariantResult Run(
        string kind,
        IReadOnlyList<int> prompt,
        int newTokens,
        GenerationOptions sampling,
        Action<int> report,
        CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var useCache = port.SetCache(new CacheChoice(kind, null), prompt.Count + newTokens);
        var (idx, _) = left_pad([prompt], port.Device);
        var sample = TextGeneration.sampling(new Sampler(VocabSize), sampling with { Seed = sampling.Seed ?? 0 });
        var times = new List<TimeSpan>(newTokens);
        var start = Stopwatch.GetTimestamp();
        var text = useCache
            ? generate_text_simple_cached(port.Model, idx, newTokens, next: Next)
            : generate_text_simple(port.Model, idx, newTokens, next: Next);
        return new VariantResult(kind, to_rows(text)[0], times, useCache ? port.Model.kv_bytes : 0);

        Tensor? Next(Tensor logits, Tensor text)
        {
            // A token's time ends when it is chosen, which waits for the device
            cancellationToken.ThrowIfCancellationRequested();
            var next = sample(logits, text);
            times.Add(Stopwatch.GetElapsedTime(start));
            start = Stopwatch.GetTimestamp();
            report(times.Count);
            return next;
        }
    }

    public void Dispose() => port.Dispose();
}
