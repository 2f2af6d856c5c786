using System.CommandLine;
using System.Diagnostics;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Files;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Text;
using TorchKv.Simulation;

namespace TorchKv.Benchmarks.Serving;

/// <summary>
/// <c>engine</c>: what paging, prefix caching, batching, chunking and speculation are worth, and whether memory stays
/// flat.
/// </summary>
internal sealed class EngineCommand : Command
{
    private static readonly string[] s_parts = ["prefix", "batch", "chunking", "scheduling", "speculation", "soak"];
    private static readonly string[] s_costs = ["own", "cpu", "torch"];

    private readonly Option<bool> _quick = BenchOption.Quick();
    private readonly Option<string?> _json = BenchOption.Json();
    private readonly Option<string?> _plot = BenchOption.Plot();
    private readonly Option<string?> _model = BenchOption.Model();
    private readonly Option<string?> _text = BenchOption.Text(
        "--text",
        "DIR",
        "a trained model whose text is generated (the model, where it has a vocabulary; else storyteller)");
    private readonly Option<string?> _draft = BenchOption.Text("--draft", "DIR", "a draft model of that text's");
    private readonly Option<string?> _texts = BenchOption.Text(
        "--texts", "FILE", "prompts and texts for speculation (the program's own)");
    private readonly Option<string[]> _costs = BenchOption.Several(
        "--cost", s_costs, s_costs, "whose steps speculation is timed on: the text's model, the model on each runner");
    private readonly Option<string[]> _sources = BenchOption.Several(
        "--drafts", Enum.GetNames<DraftSource>(), Enum.GetNames<DraftSource>(), "where drafts come from");
    private readonly Option<int> _threads = BenchOption.Threads(Environment.ProcessorCount, "the runner's threads");
    private readonly Option<string[]> _only = BenchOption.Several("--only", s_parts, s_parts, "some of the figures");

    public EngineCommand()
        : base("engine", "The engine's figures.")
    {
        foreach (var option in (Option[])[_quick, _json, _plot, _model, _text, _draft, _texts, _costs, _sources, _threads, _only])
        {
            Options.Add(option);
        }

        SetAction((parsed, _) => RunAsync(parsed));
    }

    private async Task<int> RunAsync(ParseResult parsed)
    {
        var given = parsed.GetValue(_model);
        var model = given ?? FormulaModels.Gpt2();
        var figures = await MeasureAsync(parsed, model, TextModel(parsed, given));
        FigureTable.Write(Console.Out, figures);
        if (parsed.GetValue(_json) is { } json)
        {
            AtomicFile.WriteText(json, FigureTable.Json(figures, model, parsed.GetValue(_threads)) + "\n");
        }

        if (parsed.GetValue(_plot) is { } plot)
        {
            AtomicFile.WriteText(plot, FigureChart.Draw("The engine's figures", figures));
        }

        return 0;
    }

    // A model by a formula has nothing to say, even with a vocabulary in its folder: its text is the trained model's.
    private string TextModel(ParseResult parsed, string? model) =>
        parsed.GetValue(_text) ?? (model is not null && Gpt2Tokenizer.Exists(model) ? model : Default("storyteller"));

    private async Task<List<Figure>> MeasureAsync(ParseResult parsed, string model, string text)
    {
        var quick = parsed.GetValue(_quick);
        var only = parsed.GetValue(_only)!;
        var draft = parsed.GetValue(_draft) ?? (text == Default("storyteller") ? Default("storyteller-draft") : null);
        var cpu = new CpuRunnerOptions
        {
            Threads = parsed.GetValue(_threads),
            BlockCount = 1600,
            MaxTokensPerStep = 1024,
        };
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

        if (only.Contains("speculation"))
        {
            var texts = SpeculationTexts.Load(parsed.GetValue(_texts));
            var rows = new SpeculationRows(
                text,
                draft,
                texts,
                cpu with { BlockCount = 640, MaxTokensPerStep = 512 },
                [.. parsed.GetValue(_sources)!.Select(Enum.Parse<DraftSource>)],
                quick);
            var fits = text != model && RunnerAtCost.Fits(Gpt2Config.Load(text), Gpt2Config.Load(model));
            var costs = parsed.GetValue(_costs)!.Where(cost => cost == "own" || fits).Select(cost =>
                cost == "own" ? null : new StepCost(model, OnTorch: cost == "torch"));
            await rows.RunAsync(costs, Add);
        }

        if (only.Contains("soak"))
        {
            await AddAll(
                SoakRows.RunAsync(text, draft, cpu with { MaxTokensPerStep = 512 }, quick ? 100_000 : 1_000_000));
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

    private static string Default(string name) => RepositoryFolder.At("weights", name);

    private static Task<Figure[]> Scheduling()
    {
        var requests = Enumerable.Range(0, 256).Select(_ => new SimulatedRequest(0, 16, 400)).ToArray();
        var options = new SimulationOptions
        {
            BlockCount = 8192,
            Scheduling = new SchedulingOptions { MaxTokensPerStep = 4096, PrefillTokensBesideDecodes = 4096 },
        };
        SchedulerSimulation.Run(requests, options);
        var report = SchedulerSimulation.Run(requests, options);
        return Task.FromResult<Figure[]>(
        [
            new(
                "scheduler's own time per step, 256 running sequences, µs",
                report.SchedulerMicroseconds,
                "≤ 100",
                $"{report.Steps} steps"),
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
