using System.Globalization;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Benchmarks.Peers;

/// <summary><c>bench peers</c>: the CPU runner beside llama.cpp and PyTorch on the same weights, each figure a median of interleaved rounds.</summary>
internal static class PeersCommand
{
    /// <summary>Runs the comparison; 0 when it has run, whatever it shows.</summary>
    public static int Run(string[] arguments)
    {
        if (PeersOptions.Parse(arguments, out var reason) is not { } options)
        {
            Console.Error.WriteLine($"bench peers: {reason} usage: ./run.sh bench peers {PeersOptions.Usage}");
            return 2;
        }

        if (options.Llama is not null)
        {
            LlamaCpp.LoadLibrary(options.Llama);
        }

        try
        {
            Measure(options);
            return 0;
        }
        catch (Runtime.Contracts.TorchKvException error)
        {
            Console.Error.WriteLine($"bench peers: {error.Message}");
            return 1;
        }
    }

    private static void Measure(PeersOptions options)
    {
        var files = new PeerFiles(options.Model, options.Files);
        var set = new PeerSet(options, files);
        var c = files.Config;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{options.Model}: {c.ParameterCount / 1e6:0.0} M parameters, {c.LayerCount} layers, {c.EmbeddingSize} wide, {c.HeadCount} heads, vocabulary {c.VocabSize}, context {c.ContextLength}; {options.Threads} threads."));
        if (c.ParameterCount != new Gpt2Config().ParameterCount)
        {
            Console.WriteLine("What is wanted is wanted of GPT-2 124M; beside another model it is only to compare with.");
        }

        if (options.Llama is not null && files.WhyNotLlama is { } why)
        {
            Console.WriteLine($"llama.cpp takes no part: {why}.");
        }

        var rows = new List<PeerRow>();
        void Tell(PeerRow row)
        {
            rows.Add(row);
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {row.Work}: {row.Ours:0.###} {row.Unit}{(double.IsFinite(row.Ratio) ? $", {row.Ratio:0.00} × {row.OtherName}" : "")}"));
        }

        foreach (var precision in PrecisionRows.Precisions.Where(precision => options.Wants(precision.Name)))
        {
            new PrecisionRows(set, Tell).Run(precision);
        }

        if (options.Wants("process"))
        {
            new ProcessRows(set, Tell).Run();
        }

        if (options.Wants("perplexity"))
        {
            new PerplexityRows(options, Tell).Run();
        }

        PeerTable.Print(rows);
        if (options.Markdown is { } markdown)
        {
            File.WriteAllText(markdown, PeerTable.Markdown(rows));
        }

        if (options.Json is { } json)
        {
            File.WriteAllText(json, PeerTable.Json(options, files, rows) + "\n");
        }

        if (options.Plot is { } plot)
        {
            File.WriteAllText(plot, PeerChart.Draw("Speed of the CPU runner ÷ its peers', same weights, same threads", rows));
        }
    }
}
