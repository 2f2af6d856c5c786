using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using TorchKv.Runtime;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Text;

namespace TorchKv.Benchmarks.Serving;

/// <summary><c>bench engine</c>: what paging, prefix caching, batching, chunking and guessing ahead are worth, and whether memory stays flat.</summary>
internal static class EngineBenchmark
{
    private const string Usage = "[--quick] [--json FILE] [--plot FILE.svg] [--model DIR] [--text DIR] [--draft DIR] [--texts FILE] [--threads N] [--only prefix,batch,chunking,scheduling,speculation,soak]";

    private static readonly string[] RowNames = ["prefix", "batch", "chunking", "scheduling", "speculation", "soak"];

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
            else if (arguments[i] is "--model" or "--text" or "--draft" or "--texts" or "--json" or "--plot" or "--threads" or "--only" && i + 1 < arguments.Length)
            {
                options[arguments[i][2..]] = arguments[++i];
            }
            else
            {
                return Refuse($"'{arguments[i]}' is no option, or lacks its value");
            }
        }

        var threads = Environment.ProcessorCount;
        if (options.TryGetValue("threads", out var number) && (!int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out threads) || threads < 1))
        {
            return Refuse($"--threads {number} is not a number from 1");
        }

        var only = options.TryGetValue("only", out var list) ? list.Split(',') : RowNames;
        if (only.Except(RowNames).FirstOrDefault() is { } unknown)
        {
            return Refuse($"there are no rows '{unknown}'");
        }

        if (!options.TryGetValue("model", out var model))
        {
            return Refuse("--model is missing");
        }

        try
        {
            var figures = await MeasureAsync(model, options, only, threads, quick);
            Write(figures, model, threads, options);
            return 0;
        }
        catch (Exception e) when (e is TorchKvException or InvalidDataException or IOException)
        {
            Console.Error.WriteLine("bench engine: " + e.Message);
            return 1;
        }
    }

    private static int Refuse(string what)
    {
        Console.Error.WriteLine($"bench engine: {what}; {Usage}.");
        return 2;
    }

    private static async Task<List<Figure>> MeasureAsync(string model, Dictionary<string, string> options, string[] only, int threads, bool quick)
    {
        var cpu = new CpuRunnerOptions { Threads = threads, BlockCount = 1600, MaxTokensPerStep = 1024 };
        var figures = new List<Figure>();
        if (only.Intersect(["prefix", "batch"]).Any())
        {
            await using var engine = await ServingRows.Load(model, cpu, 128);
            if (only.Contains("prefix"))
            {
                await AddAll(ServingRows.PrefixHit(engine, engine.Model.ContextLength, quick ? 5 : 9));
            }

            if (only.Contains("batch"))
            {
                await AddAll(ServingRows.Batch(engine, engine.Model.ContextLength, quick ? 16 : 64));
            }
        }

        if (only.Contains("chunking"))
        {
            await AddAll(ServingRows.Chunking(model, cpu, quick));
        }

        if (only.Contains("scheduling"))
        {
            await AddAll(Scheduling());
        }

        // The model's own text if it has a vocabulary, and so was trained; else a trained one's at the model's cost.
        var text = options.GetValueOrDefault("text") ?? (Gpt2Tokenizer.Exists(model) ? model : Default("storyteller"));
        var draft = options.GetValueOrDefault("draft") ?? (text == Default("storyteller") ? Default("storyteller-draft") : null);
        if (only.Contains("speculation"))
        {
            var rows = new SpeculationRows(text, draft, SpeculationTexts.Load(options.GetValueOrDefault("texts")), cpu with { BlockCount = 640, MaxTokensPerStep = 512 }, quick);
            var fits = text != model && RunnerAtCost.Fits(Gpt2Config.Load(text), Gpt2Config.Load(model));
            await rows.RunAsync(fits ? [null, model] : [null], Add);
        }

        if (only.Contains("soak"))
        {
            foreach (var figure in await SoakRows.RunAsync(text, draft, cpu with { MaxTokensPerStep = 512 }, quick ? 100_000 : 1_000_000))
            {
                Add(figure);
            }
        }

        return figures;

        async Task AddAll(Task<Figure[]> work)
        {
            foreach (var figure in await work)
            {
                Add(figure);
            }
        }

        void Add(Figure figure)
        {
            Console.Error.WriteLine($"  {figure.What}: {figure.Shown} ({figure.Detail})");
            figures.Add(figure);
        }
    }

    private static string Default(string name) => Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../../../weights", name));

    private static void Write(List<Figure> figures, string model, int threads, Dictionary<string, string> options)
    {
        var width = figures.Count == 0 ? 0 : figures.Max(f => f.What.Length);
        foreach (var figure in figures)
        {
            Console.WriteLine($"{figure.What.PadRight(width)} {figure.Shown,8}  {figure.Wanted,-8} {(figure.IsMet ? "  " : "✗ ")}{figure.Detail}");
        }

        if (options.TryGetValue("json", out var json))
        {
            var rows = new JsonArray([.. figures.Select(f => (JsonNode)new JsonObject
            {
                ["what"] = f.What, ["value"] = f.Value, ["wanted"] = f.Wanted, ["met"] = f.IsMet, ["detail"] = f.Detail,
            })]);
            var written = new JsonObject { ["model"] = Path.GetFileName(Path.TrimEndingDirectorySeparator(model)), ["threads"] = threads, ["figures"] = rows };
            File.WriteAllText(json, written.ToJsonString(new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) + "\n");
        }

        if (options.TryGetValue("plot", out var plot))
        {
            File.WriteAllText(plot, FigureChart.Draw("The engine's figures", figures));
        }
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
