using System.CommandLine;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Benchmarks.Serving;
using TorchKv.Runtime.Text;
using TorchKv.Structured.Contracts;

namespace TorchKv.Benchmarks.Masks;

/// <summary>
/// <c>structured</c>: what constraints accept and cost, over a suite on one thread, in the engine's steps, and over
/// random schemas.
/// </summary>
internal sealed class StructuredCommand : Command
{
    private const int WarmUpEntries = 200;

    private static readonly string[] s_parts = ["suite", "peers", "steps"];

    private readonly Option<string?> _suite = BenchOption.Text(
        "--suite", "PATH", "a file or a folder of constraints and texts: *.json, *.jsonl, *.jsonl.gz");
    private readonly Option<string?> _tokenizer = BenchOption.Text(
        "--tokenizer", "DIR", "a model's folder (GPT-2's vocabulary)");
    private readonly Option<int> _count = BenchOption.Number(
        "--count", 1, int.MaxValue, int.MaxValue, "the most constraints");
    private readonly Option<bool> _quick = BenchOption.Quick();
    private readonly Option<string[]> _only = BenchOption.Several("--only", s_parts, s_parts, "some of the figures");
    private readonly Option<string?> _model = BenchOption.Model();
    private readonly Option<int> _threads = BenchOption.Threads(Environment.ProcessorCount, "the engine's threads");
    private readonly Option<int> _random = BenchOption.Number(
        "--random", 0, int.MaxValue, 0, "instead, so many generations from random logits over random schemas");
    private readonly Option<string?> _modules = BenchOption.Text(
        "--node-modules", "DIR", "npm's folder with other engines; they take no part without it");
    private readonly Option<string?> _llama = BenchOption.Text(
        "--llama", "DIR", "the folder with libllama; llama.cpp takes no part without it");
    private readonly Option<int> _peerCount = BenchOption.Number(
        "--peer-count", 1, int.MaxValue, 60, "schemas that other engines are asked too");
    private readonly Option<int> _seed = BenchOption.Number("--seed", 0, int.MaxValue, 1, "of the random schemas");

    private readonly Option<bool> _compact = new("--compact")
    {
        Description = "schemas allow no whitespace; else any whitespace, as MaskBench asks",
    };

    private readonly Option<bool> _details = new("--details") { Description = "every refusal and slow mask by name" };

    public StructuredCommand()
        : base("structured", "Constraints: what they accept, time to compile, time per token, time in a decode step.")
    {
        foreach (var option in (Option[])
        [
            _suite, _tokenizer, _count, _compact, _details, _only, _quick, _model, _threads, _random, _seed, _modules,
            _llama, _peerCount,
        ])
        {
            Options.Add(option);
        }

        SetAction(RunAsync);
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var vocabulary = parsed.GetValue(_tokenizer) ?? RepositoryFolder.At("weights", "gpt2-vocab");
        if (parsed.GetValue(_random) is > 0 and var generations)
        {
            var tokenizer = Gpt2Tokenizer.Load(vocabulary);
            return await RandomRun.RunAsync(
                generations, parsed.GetValue(_seed), tokenizer, Console.Out, cancellation) ? 0 : 1;
        }

        var only = parsed.GetValue(_only)!;
        var suite = parsed.GetValue(_suite);
        if (suite is null && only.Intersect(["suite", "peers"]).Any())
        {
            Console.Error.WriteLine("--suite names no constraints and texts, so their figures are left out.");
        }

        if (suite is not null && only.Contains("suite"))
        {
            await RunSuiteAsync(parsed, suite, vocabulary, cancellation);
        }

        if (suite is not null && only.Contains("peers"))
        {
            await RunPeersAsync(parsed, suite, vocabulary, cancellation);
        }

        if (only.Contains("steps"))
        {
            var model = parsed.GetValue(_model) ?? WithVocabulary(FormulaModels.Gpt2(), vocabulary);
            FigureTable.Write(
                Console.Out, await StepRows.RunAsync(model, parsed.GetValue(_threads), parsed.GetValue(_quick)));
        }

        return 0;
    }

    private async Task RunSuiteAsync(
        ParseResult parsed, string suite, string vocabulary, CancellationToken cancellation)
    {
        var options = new JsonSchemaOptions
        {
            Whitespace = parsed.GetValue(_compact) ? JsonWhitespace.Compact : JsonWhitespace.Any,
        };

        // Code is compiled for speed once it has run; each run has a vocabulary of its own, and so nothing compiled.
        await SuiteRun.RunAsync(
            SuiteEntry.Read(suite, options).Take(WarmUpEntries), Gpt2Tokenizer.Load(vocabulary), cancellation);
        foreach (var order in (JsonPropertyOrder[])[JsonPropertyOrder.Schema, JsonPropertyOrder.Any])
        {
            var entries = SuiteEntry.Read(suite, options with { PropertyOrder = order });
            var figures = await SuiteRun.RunAsync(
                entries.Take(parsed.GetValue(_count)), Gpt2Tokenizer.Load(vocabulary), cancellation);
            Console.Out.WriteLine($"Whitespace {options.Whitespace}, property order {order}");
            if (parsed.GetValue(_details))
            {
                figures.Details.ForEach(Console.Out.WriteLine);
                foreach (var slow in figures.Slow.GroupBy(slow => slow.Name).OrderByDescending(slow => slow.Max().Time))
                {
                    Console.Out.WriteLine(
                        $"slow masks: {slow.Count()} of {slow.Key}, the longest {slow.Max().Time:0} µs");
                }
            }

            figures.Print(Console.Out);
            Console.Out.WriteLine();
            if (!figures.HasSchemas)
            {
                break;
            }
        }
    }

    private async Task RunPeersAsync(
        ParseResult parsed, string suite, string vocabulary, CancellationToken cancellation)
    {
        var peers = MaskPeers.Start(parsed.GetValue(_modules), parsed.GetValue(_llama), vocabulary);
        var options = new JsonSchemaOptions { Whitespace = JsonWhitespace.Any };
        var entries = SuiteEntry.Read(suite, options).ToList();
        if (peers.Count > 0)
        {
            if (!parsed.GetValue(_only)!.Contains("suite"))
            {
                await SuiteRun.RunAsync(
                    entries.Take(WarmUpEntries), Gpt2Tokenizer.Load(vocabulary), cancellation);
            }

            await PeerRun.RunAsync(
                entries,
                parsed.GetValue(_quick) ? 20 : parsed.GetValue(_peerCount),
                peers,
                Gpt2Tokenizer.Load(vocabulary),
                Console.Out,
                cancellation);
        }

        peers.ForEach(peer => peer.Dispose());
    }

    // A model by a formula comes without a vocabulary; a constraint needs one.
    private static string WithVocabulary(string model, string vocabulary)
    {
        foreach (var file in Directory.EnumerateFiles(vocabulary))
        {
            var target = Path.Combine(model, Path.GetFileName(file));
            if (!File.Exists(target))
            {
                File.Copy(file, target);
            }
        }

        return model;
    }
}
