using System.CommandLine;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Files;

namespace TorchKv.Benchmarks.Peers;

/// <summary>
/// <c>peers</c>: the CPU runner beside llama.cpp and PyTorch on the same weights, each figure a median of interleaved
/// rounds.
/// </summary>
internal sealed class PeersCommand : Command
{
    private static readonly string[] s_parts = ["float32", "bfloat16", "int8", "int4", "process", "perplexity"];

    private readonly Option<bool> _quick = BenchOption.Quick();
    private readonly Option<string?> _json = BenchOption.Json();
    private readonly Option<string?> _plot = BenchOption.Plot();
    private readonly Option<string?> _markdown = BenchOption.OutputFile(
        "--markdown", "FILE", "writes the table for a document");
    private readonly Option<string[]> _only = BenchOption.Several("--only", s_parts, s_parts, "some of the rows");
    private readonly Option<int> _threads = BenchOption.Threads(Environment.ProcessorCount, "threads on every side");
    private readonly Option<string?> _model = BenchOption.Model();
    private readonly Option<string?> _llama = BenchOption.Text(
        "--llama", "DIR", "the folder with libllama; llama.cpp takes no part without it");
    private readonly Option<string?> _python = BenchOption.Text(
        "--python", "PROGRAM", "a Python with torch; PyTorch takes no part without it");

    public PeersCommand()
        : base("peers", "The CPU runner beside llama.cpp and PyTorch on the same weights.")
    {
        foreach (var option in (Option[])[_quick, _json, _plot, _markdown, _only, _threads, _model, _llama, _python])
        {
            Options.Add(option);
        }

        SetAction(Run);
    }

    private int Run(ParseResult parsed)
    {
        var options = new PeersOptions
        {
            Quick = parsed.GetValue(_quick),
            Threads = parsed.GetValue(_threads),
            Llama = parsed.GetValue(_llama),
            Python = parsed.GetValue(_python),
            Model = parsed.GetValue(_model) ?? FormulaModels.Gpt2(),
            Files = RepositoryFolder.At("artifacts", "bench", "peers"),
            Storyteller = RepositoryFolder.At("weights", "storyteller"),
            HeldOut = RepositoryFolder.At("tests", "fixtures", "storyteller", "heldout.txt"),
            CommandLine = RepositoryFolder.At("src", "TorchKv.Cli", "bin", "Release", "net10.0", "TorchKv.Cli"),
            Script = RepositoryFolder.At("benchmarks", "compare", "gpt2_pytorch.py"),
        };
        if (options.Llama is not null)
        {
            LlamaCpp.LoadLibrary(options.Llama);
        }

        var files = new PeerFiles(options.Model, options.Files);
        var rows = Measure(options, files, parsed.GetValue(_only)!);
        PeerTable.Print(rows);
        if (parsed.GetValue(_markdown) is { } markdown)
        {
            AtomicFile.WriteText(markdown, PeerTable.Markdown(rows));
        }

        if (parsed.GetValue(_json) is { } json)
        {
            AtomicFile.WriteText(json, PeerTable.Json(options, files, rows) + "\n");
        }

        if (parsed.GetValue(_plot) is { } plot)
        {
            AtomicFile.WriteText(
                plot, PeerChart.Draw("Speed of the CPU runner ÷ its peers', same weights, same threads", rows));
        }

        return 0;
    }

    private static List<PeerRow> Measure(PeersOptions options, PeerFiles files, string[] only)
    {
        var set = new PeerSet(options, files);
        var c = files.Config;
        Console.WriteLine(
            $"{options.Model}: {c.ParameterCount / 1e6:0.0} M parameters, {c.LayerCount} layers, {c.EmbeddingSize} "
                + $"wide, {c.HeadCount} heads, vocabulary {c.VocabSize}, context {c.ContextLength}; {options.Threads} "
                + "threads.");
        if (c.ParameterCount != new Gpt2Config().ParameterCount)
        {
            Console.WriteLine(
                "What is wanted is wanted of GPT-2 124M; another model's figures are only to compare with.");
        }

        if (options.Llama is not null && files.WhyNotLlama is { } why)
        {
            Console.WriteLine($"llama.cpp takes no part: {why}.");
        }

        var rows = new List<PeerRow>();
        foreach (var precision in PrecisionRows.Precisions.Where(precision => only.Contains(precision.Name)))
        {
            new PrecisionRows(set, Tell).Run(precision);
        }

        if (only.Contains("process"))
        {
            new ProcessRows(set, Tell).Run();
        }

        if (only.Contains("perplexity"))
        {
            new PerplexityRows(options, Tell).Run();
        }

        return rows;

        void Tell(PeerRow row)
        {
            rows.Add(row);
            var ratio = double.IsFinite(row.Ratio)
                ? $", {row.Ratio:0.00} × {row.OtherName}"
                : "";
            Console.Error.WriteLine(
                $"  {row.Work}: {row.Ours:0.###} {row.Unit}{ratio}");
        }
    }
}
