using System.Diagnostics;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;

namespace TorchKv.Cli.Models;

/// <summary>Runs a model on a runner without an engine, once with its KV blocks and once without any cache.</summary>
internal sealed class RunnerComparison : IComparison
{
    private readonly LoadedRunner _loaded;
    private readonly SequenceFeed _feed;

    /// <param name="loaded">The runner, disposed with this.</param>
    /// <param name="beside">Whether it stands beside the port, which shows what it costs to have no cache.</param>
    public RunnerComparison(LoadedRunner loaded, bool beside)
    {
        (_loaded, _feed) = (loaded, new SequenceFeed(loaded.Runner));
        Kinds = beside ? [CacheKinds.Paged] : [CacheKinds.None, CacheKinds.Paged];
    }

    public int ContextLength => _loaded.Config.ContextLength;

    public int VocabSize => _loaded.Config.VocabSize;

    public string Description => _loaded.Description;

    public IReadOnlyList<string> Kinds { get; }

    public VariantResult Run(
        string kind,
        IReadOnlyList<int> prompt,
        int newTokens,
        GenerationOptions sampling,
        Action<int> report,
        CancellationToken cancellationToken)
    {
        var sampler = new Sampler(VocabSize);
        var logits = new float[VocabSize];
        var ids = prompt.ToArray();
        Array.Resize(ref ids, prompt.Count + newTokens);
        var times = new List<TimeSpan>(newTokens);
        _feed.Reset();
        for (var end = prompt.Count; end < ids.Length; end++)
        {
            var start = Stopwatch.GetTimestamp();
            if (kind == CacheKinds.None)
            {
                _feed.Reset();
            }

            _feed.Feed(ids.AsMemory(_feed.Position, end - _feed.Position), logits, cancellationToken);
            ids[end] = sampler.Sample(logits, ids.AsSpan(0, end), sampling, sampling.Seed ?? 0, end - prompt.Count);
            times.Add(Stopwatch.GetElapsedTime(start));
            report(times.Count);
        }

        return new VariantResult(kind, ids, times, kind == CacheKinds.None ? 0 : _feed.Bytes);
    }

    public void Dispose() => _loaded.Dispose();
}
