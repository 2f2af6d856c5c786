using System.Diagnostics;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;

namespace TorchKv.Benchmarks.Serving;

/// <summary>
/// What prefix caching, batching, paging and chunked prefill are worth, on any model: prompts are random ids.
/// </summary>
internal static class ServingRows
{
    public static Task<Engine> Load(string model, CpuRunnerOptions cpu, int beside) => Engine.LoadAsync(
        model,
        new EngineOptions
        {
            Scheduling = new SchedulingOptions { MaxTokensPerStep = 1024, PrefillTokensBesideDecodes = beside },
        },
        cpu);

    public static async Task<Figure[]> PrefixHit(Engine engine, int context, int repeats)
    {
        var length = Math.Min(900, context * 9 / 10);
        var options = new GenerationOptions { MaxNewTokens = 1, EosTokenIds = [] };
        var (cold, warm) = (new List<double>(), new List<double>());
        await Measure.Time(engine, Measure.Ids(99, length, engine.Model.VocabSize), options);
        for (var i = 0; i < repeats; i++)
        {
            var prompt = Measure.Ids(100 + i, length, engine.Model.VocabSize);
            cold.Add((await Measure.Time(engine, prompt, options)).First);
            warm.Add((await Measure.Time(engine, prompt, options)).First);
        }

        return [
            new(
                $"first token, prompt of {length}, prefix hit ÷ cold",
                Statistics.Median(warm) / Statistics.Median(cold),
                "≤ 0.033",
                $"{Statistics.Median(warm):0.0} ms ÷ {Statistics.Median(cold):0.0} ms")
        ];
    }

    public static async Task<Figure[]> Batch(Engine engine, int context, int requests)
    {
        var random = new Random(7);
        var longest = Math.Min(300, (context - 200) * 9 / 10);
        var work = Enumerable.Range(0, requests)
            .Select(
                i =>
                    (
                        Prompt: Measure.Ids(1000 + i, random.Next(16, 201), engine.Model.VocabSize),
                        Output: random.Next(100, longest + 1)))
            .ToArray();
        var rates = new List<double>();
        foreach (var (prompt, output) in work[..Math.Max(3, requests / 16)])
        {
            rates.Add(
                output * 1000 / (
                    await Measure.Time(engine, prompt, new() { MaxNewTokens = output, EosTokenIds = [] })).Total);
        }

        var one = Statistics.Median(rates);
        await engine.DropCachedBlocksAsync();
        var (held, unused, reserved) = (0.0, 0.0, 0.0);
        using var stop = new CancellationTokenSource();
        var sampling = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                var snapshot = await engine.SnapshotAsync();
                var running = snapshot.Sequences.Where(s => s.IsRunning).ToArray();
                held += running.Sum(s => (double)s.Blocks.Count * snapshot.BlockSize);
                unused += running.Sum(s => ((double)s.Blocks.Count * snapshot.BlockSize) - s.ComputedTokens);
                reserved += running.Sum(s => (double)context - s.ComputedTokens);
                await Task.Delay(20);
            }
        });
        var started = Stopwatch.GetTimestamp();
        await Task.WhenAll(
            work.Select(w => Measure.Time(engine, w.Prompt, new() { MaxNewTokens = w.Output, EosTokenIds = [] })));
        var all = work.Sum(w => w.Output) / Stopwatch.GetElapsedTime(started).TotalSeconds;
        stop.Cancel();
        await sampling;
        return
        [
            new(
                $"{requests} requests at once ÷ one at a time, output tokens/s",
                all / one,
                "≥ 5",
                $"{all:0} ÷ {one:0} tokens/s"),
            new(
                "  of KV bytes held, unused, %",
                100 * unused / held,
                "< 4",
                $"a contiguous reservation of the context: {100 * reserved / (held - unused + reserved):0} %"),
        ];
    }

    public static async Task<Figure[]> Chunking(string model, CpuRunnerOptions cpu, bool quick)
    {
        var p99 = new List<double>();
        foreach (var beside in new[] { 64, 1024 })
        {
            await using var engine = await Load(model, cpu, beside);
            var context = engine.Model.ContextLength;
            var length = Math.Min(1000, context * 95 / 100);
            var gaps = new List<double>();
            for (var round = 0; round < (quick ? 2 : 5); round++)
            {
                await engine.DropCachedBlocksAsync();
                using var stop = new CancellationTokenSource();
                var during = false;
                var started = new CountdownEvent(4);
                var running = Enumerable.Range(0, 4).Select(i => Task.Run(async () =>
                {
                    var last = 0L;
                    var count = 0;
                    try
                    {
                        await foreach (
                            var _ in engine.GenerateAsync(
                                Measure.Ids(i, 16, engine.Model.VocabSize),
                                new() { MaxNewTokens = context - 20, EosTokenIds = [] },
                                stop.Token))
                        {
                            var now = Stopwatch.GetTimestamp();
                            if (Volatile.Read(ref during))
                            {
                                lock (gaps)
                                {
                                    gaps.Add(Stopwatch.GetElapsedTime(last, now).TotalMilliseconds);
                                }
                            }

                            last = now;
                            if (++count == 5)
                            {
                                started.Signal();
                            }
                        }
                    }
                    catch (OperationCanceledException)
                    {
                    }
                })).ToArray();
                started.Wait();
                Volatile.Write(ref during, true);
                await Measure.Time(
                    engine,
                    Measure.Ids(9 + round, length, engine.Model.VocabSize),
                    new() { MaxNewTokens = 2, EosTokenIds = [] });
                Volatile.Write(ref during, false);
                stop.Cancel();
                await Task.WhenAll(running);
            }

            gaps.Sort();
            p99.Add(gaps[(int)(0.99 * gaps.Count)]);
        }

        return [
            new(
                "inter-token p99 while a long prompt arrives, chunked ÷ not",
                p99[0] / p99[1],
                "≤ 0.25",
                $"{p99[0]:0.0} ms ÷ {p99[1]:0.0} ms")
        ];
    }
}
