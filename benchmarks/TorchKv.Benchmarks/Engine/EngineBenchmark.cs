using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using TorchKv.Benchmarks.Peers;
using TorchKv.Runtime;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Paging;

namespace TorchKv.Benchmarks.Serving;

/// <summary><c>bench engine</c>: what paging, prefix caching, batching, chunking and guessing ahead are worth, on one model.</summary>
internal static class EngineBenchmark
{
    private sealed record Figure(string What, double Value, string Wanted, string Detail);

    public static async Task<int> RunAsync(string[] arguments)
    {
        var options = new Dictionary<string, string>();
        var quick = false;
        for (var i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] == "--quick")
            {
                quick = true;
            }
            else if (arguments[i] is "--model" or "--draft" or "--json" or "--plot" or "--threads" && i + 1 < arguments.Length)
            {
                options[arguments[i][2..]] = arguments[++i];
            }
            else
            {
                Console.Error.WriteLine($"bench engine: '{arguments[i]}' is no option; there are --quick, --json FILE, --plot FILE.svg, --model DIR, --draft DIR, --threads N.");
                return 2;
            }
        }

        var threads = options.TryGetValue("threads", out var text) ? int.Parse(text, CultureInfo.InvariantCulture) : Environment.ProcessorCount;
        var model = options["model"];
        var cpu = new CpuRunnerOptions { Threads = threads, BlockCount = 1600, MaxTokensPerStep = 1024 };
        var figures = new List<Figure>();
        await using (var engine = await Load(model, cpu, 1024, 128, options.GetValueOrDefault("draft")))
        {
            var context = engine.Config.ContextLength;
            await Add(PrefixHit(engine, context, quick ? 3 : 7));
            await Add(Batch(engine, context, quick ? 16 : 64));
            await Add(Speculation(engine, context, repeats: true));
            await Add(Speculation(engine, context, repeats: false));
        }

        await Add(Chunking(model, cpu, quick));
        await Add(Scheduling());
        foreach (var figure in figures)
        {
            Console.WriteLine($"{figure.What,-62} {figure.Value,9:0.###}  {figure.Wanted,-8} {figure.Detail}");
        }

        if (options.TryGetValue("json", out var json))
        {
            var rows = new JsonArray([.. figures.Select(f => (JsonNode)new JsonObject { ["what"] = f.What, ["value"] = f.Value, ["wanted"] = f.Wanted, ["detail"] = f.Detail })]);
            File.WriteAllText(json, new JsonObject { ["model"] = model, ["threads"] = threads, ["figures"] = rows }.ToJsonString() + "\n");
        }

        if (options.TryGetValue("plot", out var plot))
        {
            File.WriteAllText(plot, BarChart.Draw("What the engine gains", [.. figures.Where(f => f.What.Contains('÷')).Select(f => new Bar(f.What, f.Value))], reference: 1));
        }

        return 0;

        async Task Add(Task<Figure[]> work)
        {
            foreach (var figure in await work)
            {
                Console.Error.WriteLine($"  {figure.What}: {figure.Value:0.###}");
                figures.Add(figure);
            }
        }
    }

    private static Task<Engine> Load(string model, CpuRunnerOptions cpu, int tokens, int beside, string? draft = null) => Engine.LoadAsync(
        model,
        new EngineOptions { Scheduling = new SchedulingOptions { MaxTokensPerStep = tokens, PrefillTokensBesideDecodes = beside } },
        cpu,
        draft);

    private static int[] Ids(int seed, int count, int vocabulary)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(vocabulary - 1))];
    }

    private static async Task<(double First, double Total, List<double> Gaps)> Time(Engine engine, int[] prompt, GenerationOptions options)
    {
        var started = Stopwatch.GetTimestamp();
        var (first, last) = (0.0, 0.0);
        var gaps = new List<double>();
        await foreach (var piece in engine.GenerateAsync(prompt, options))
        {
            var now = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            if (first == 0)
            {
                first = now;
            }
            else
            {
                gaps.Add(now - last);
            }

            last = now;
        }

        return (first, last, gaps);
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }

    private static async Task<Figure[]> PrefixHit(Engine engine, int context, int repeats)
    {
        var length = Math.Min(900, context * 9 / 10);
        var options = new GenerationOptions { MaxNewTokens = 1, EosTokenIds = [] };
        var (cold, warm) = (new List<double>(), new List<double>());
        await Time(engine, Ids(99, length, engine.Config.VocabSize), options);
        for (var i = 0; i < repeats; i++)
        {
            var prompt = Ids(100 + i, length, engine.Config.VocabSize);
            cold.Add((await Time(engine, prompt, options)).First);
            warm.Add((await Time(engine, prompt, options)).First);
        }

        return [new($"first token, prompt of {length}, prefix hit ÷ cold", Median(warm) / Median(cold), "≤ 0.033", $"{Median(warm):0.0} ms ÷ {Median(cold):0.0} ms")];
    }

    private static async Task<Figure[]> Batch(Engine engine, int context, int requests)
    {
        var random = new Random(7);
        var longest = Math.Min(300, (context - 200) * 9 / 10);
        var work = Enumerable.Range(0, requests)
            .Select(i => (Prompt: Ids(1000 + i, random.Next(16, 201), engine.Config.VocabSize), Output: random.Next(100, longest + 1)))
            .ToArray();
        var started = Stopwatch.GetTimestamp();
        var alone = work[..Math.Max(2, requests / 16)];
        foreach (var (prompt, output) in alone)
        {
            await Time(engine, prompt, new() { MaxNewTokens = output, EosTokenIds = [] });
        }

        var one = alone.Sum(w => w.Output) / Stopwatch.GetElapsedTime(started).TotalSeconds;
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
        started = Stopwatch.GetTimestamp();
        await Task.WhenAll(work.Select(w => Time(engine, w.Prompt, new() { MaxNewTokens = w.Output, EosTokenIds = [] })));
        var all = work.Sum(w => w.Output) / Stopwatch.GetElapsedTime(started).TotalSeconds;
        stop.Cancel();
        await sampling;
        return
        [
            new($"{requests} requests at once ÷ one at a time, output tokens/s", all / one, "≥ 5", $"{all:0} ÷ {one:0} tokens/s"),
            new("  of KV bytes held, unused, %", 100 * unused / held, "< 4", $"a contiguous reservation of the context: {100 * reserved / (held - unused + reserved):0} %"),
        ];
    }

    private static async Task<Figure[]> Speculation(Engine engine, int context, bool repeats)
    {
        var prompt = Ids(6, 32, engine.Config.VocabSize);
        var options = new GenerationOptions
        {
            MaxNewTokens = Math.Min(300, context - 40),
            EosTokenIds = [],
            // A penalty below 1 favours what was there before, so that any model falls into a loop; with no pair of tokens
            // allowed twice, nothing can be looked up.
            RepetitionPenalty = repeats ? 0.5f : null,
            NoRepeatNgramSize = repeats ? null : 2,
        };
        var (plain, guessed) = (new List<double>(), new List<double>());
        await Time(engine, prompt, options with { MaxNewTokens = 20, Speculation = new SpeculationOptions() });
        var before = engine.Stats;
        for (var i = 0; i < 3; i++)
        {
            plain.Add((await Time(engine, prompt, options)).Total);
            guessed.Add((await Time(engine, prompt, options with { Speculation = new SpeculationOptions() })).Total);
        }

        var after = engine.Stats;
        var (drafted, accepted) = (after.DraftedTokens - before.DraftedTokens, after.AcceptedDraftTokens - before.AcceptedDraftTokens);
        return
        [
            new(
                $"prompt lookup ÷ plain, text that {(repeats ? "repeats itself" : "does not repeat itself")}",
                Median(plain) / Median(guessed),
                repeats ? "≥ 1.8" : "≥ 0.97",
                $"{Median(guessed):0} ms, {Median(plain):0} ms; {accepted} of {drafted} guesses held"),
        ];
    }

    private static async Task<Figure[]> Chunking(string model, CpuRunnerOptions cpu, bool quick)
    {
        var p99 = new List<double>();
        foreach (var beside in new[] { 64, 1024 })
        {
            await using var engine = await Load(model, cpu, 1024, beside);
            var context = engine.Config.ContextLength;
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
                        await foreach (var _ in engine.GenerateAsync(Ids(i, 16, engine.Config.VocabSize), new() { MaxNewTokens = context - 20, EosTokenIds = [] }, stop.Token))
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
                await Time(engine, Ids(9 + round, length, engine.Config.VocabSize), new() { MaxNewTokens = 2, EosTokenIds = [] });
                Volatile.Write(ref during, false);
                stop.Cancel();
                await Task.WhenAll(running);
            }

            gaps.Sort();
            p99.Add(gaps[(int)(0.99 * gaps.Count)]);
        }

        return [new("inter-token p99 while a long prompt arrives, chunked ÷ not", p99[0] / p99[1], "≤ 0.25", $"{p99[0]:0.0} ms ÷ {p99[1]:0.0} ms")];
    }

    private static Task<Figure[]> Scheduling()
    {
        var requests = Enumerable.Range(0, 256).Select(_ => new SimulatedRequest(0, 16, 400)).ToArray();
        var options = new SimulationOptions { BlockCount = 8192, Scheduling = new SchedulingOptions { MaxTokensPerStep = 4096, PrefillTokensBesideDecodes = 4096 } };
        Simulation.Run(requests, options);
        var report = Simulation.Run(requests, options);
        return Task.FromResult<Figure[]>(
        [
            new("scheduler's own time per step, 256 running sequences, µs", report.SchedulerMicroseconds, "≤ 100", $"{report.Steps} steps"),
            new("pool operation, 10⁶ blocks in random order, ns", PoolOperation(), "≤ 200", "allocate, hold, release"),
        ]);
    }

    /// <summary>Nanoseconds of an operation, over all blocks in an order that no cache foresees.</summary>
    private static double PoolOperation()
    {
        const int Blocks = 1_000_000;
        var pool = new BlockPool(Blocks, new PrefixIndex(Blocks));
        var order = Enumerable.Range(0, Blocks).ToArray();
        new Random(1).Shuffle(order);
        var best = double.MaxValue;
        for (var round = 0; round < 4; round++)
        {
            var started = Stopwatch.GetTimestamp();
            for (var i = 0; i < Blocks; i++)
            {
                pool.TryAllocate(out _);
            }

            foreach (var block in order)
            {
                pool.Hold(block);
            }

            foreach (var block in order)
            {
                pool.Release(block);
            }

            foreach (var block in order)
            {
                pool.Release(block);
            }

            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalNanoseconds / (4.0 * Blocks));
        }

        return best;
    }
}
