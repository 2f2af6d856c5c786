using System.Diagnostics;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Sampling;

namespace TorchKv.Cli.Models;

/// <summary>The CPU runner, with its blocks of keys and values and without.</summary>
internal sealed class RunnerComparison : IComparison
{
    private readonly CpuRunner _runner;
    private readonly int[] _blocks;

    private RunnerComparison(CpuRunner runner, string description, IReadOnlyList<string> kinds)
    {
        (_runner, Description, Kinds) = (runner, description, kinds);
        _blocks = [.. Enumerable.Range(0, (ContextLength + runner.BlockSize - 1) / runner.BlockSize)];
    }

    public int ContextLength => _runner.Config.ContextLength;

    public int VocabSize => _runner.Config.VocabSize;

    public string Description { get; }

    public IReadOnlyList<string> Kinds { get; }

    /// <summary>A checkpoint.</summary>
    /// <param name="request">Which, and on what.</param>
    /// <param name="beside">Whether it stands beside the port, which shows what it costs to have no cache.</param>
    public static RunnerComparison Load(ModelRequest request, bool beside)
    {
        var runner = RunnerLanguageModel.LoadRunner(request);
        return new RunnerComparison(
            runner,
            $"{request.Directory} · {RunnerLanguageModel.Describe(runner, request)}",
            beside ? [CacheKinds.Paged] : [CacheKinds.None, CacheKinds.Paged]);
    }

    public VariantResult Run(string kind, IReadOnlyList<int> prompt, int newTokens, GenerationOptions sampling, Action<int> report, CancellationToken cancellationToken)
    {
        var sampler = new Sampler(VocabSize);
        var logits = new float[VocabSize];
        var ids = prompt.ToArray();
        Array.Resize(ref ids, prompt.Count + newTokens);
        var times = new List<TimeSpan>(newTokens);
        var held = 0;
        for (var end = prompt.Count; end < ids.Length; end++)
        {
            var start = Stopwatch.GetTimestamp();
            var from = kind == CacheKinds.None ? 0 : held;
            Feed(ids.AsMemory(from, end - from), from, logits, cancellationToken);
            held = end;
            ids[end] = sampler.Sample(logits, ids.AsSpan(0, end), sampling, sampling.Seed ?? 0, end - prompt.Count);
            times.Add(Stopwatch.GetElapsedTime(start));
            report(times.Count);
        }

        var blocks = (held + _runner.BlockSize - 1) / _runner.BlockSize;
        return new VariantResult(kind, ids, times, kind == CacheKinds.None ? 0 : (long)blocks * _runner.BytesPerBlock);
    }

    public void Dispose() => _runner.Dispose();

    private void Feed(ReadOnlyMemory<int> tokens, int position, Span<float> logits, CancellationToken cancellationToken)
    {
        while (tokens.Length > _runner.MaxTokensPerStep)
        {
            var piece = tokens[.._runner.MaxTokensPerStep];
            _runner.Step([new RunnerRow(piece, position, _blocks, LogitsWanted.None)], [], cancellationToken);
            (tokens, position) = (tokens[piece.Length..], position + piece.Length);
        }

        _runner.Step([new RunnerRow(tokens, position, _blocks, LogitsWanted.Last)], logits, cancellationToken);
    }
}
