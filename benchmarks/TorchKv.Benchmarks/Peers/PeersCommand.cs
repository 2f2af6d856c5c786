using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace TorchKv.Benchmarks.Peers;

/// <summary><c>bench peers</c>: options, the table, JSON and the picture.</summary>
internal static class PeersCommand
{
    /// <summary>Runs the comparison; the machine's limits are measured first, in the same run.</summary>
    public static int Run(string[] arguments, Func<int, MachineLimits> measure)
    {
        var options = new Dictionary<string, string>();
        var quick = false;
        for (var i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] == "--quick")
            {
                quick = true;
            }
            else if (arguments[i].StartsWith("--", StringComparison.Ordinal) && i + 1 < arguments.Length)
            {
                options[arguments[i][2..]] = arguments[++i];
            }
            else
            {
                Console.Error.WriteLine($"bench peers: '{arguments[i]}' is no option; there are --quick, --json FILE, --plot FILE.svg, --only float32|bfloat16|int8|int4, --threads N, --model DIR.");
                return 2;
            }
        }

        var threads = options.TryGetValue("threads", out var text) ? int.Parse(text, CultureInfo.InvariantCulture) : Environment.ProcessorCount;
        var llama = options.GetValueOrDefault("llama");
        if (llama is not null)
        {
            LlamaCpp.LoadLibrary(llama);
        }

        var limits = measure(threads);
        Console.WriteLine($"{threads} threads; measured now: reads {limits.ReadGigabytesPerSecond:0.0} GB/s, FMA {limits.FmaGigaflops:0} GFLOP/s, integer dot products {limits.DotGigaops:0} GOP/s");
        var files = new PeerFiles(options["model"], options["files"]);
        var rows = new PeersBenchmark(new PeersOptions(quick, threads, llama, options["cli"], options["storyteller"], options["held-out"], options.GetValueOrDefault("only")), files, limits)
            .Run(row => Console.Error.WriteLine($"  {row.Work}: {row.Ours:0.###} {row.Unit}"));
        Print(rows);
        if (options.TryGetValue("json", out var json))
        {
            File.WriteAllText(json, Json(threads, limits, rows) + "\n");
        }

        if (options.TryGetValue("plot", out var plot))
        {
            var bars = rows.Where(r => r.OtherName.StartsWith("llama.cpp", StringComparison.Ordinal) && double.IsFinite(r.Ratio))
                .Select(r => new Bar($"{r.Work} ÷ {r.OtherName}", r.Ratio)).ToList();
            File.WriteAllText(plot, BarChart.Draw("TorchKv's speed ÷ llama.cpp's, same weights, same threads", bars, reference: 1));
        }

        return 0;
    }

    private static void Print(IReadOnlyList<PeerRow> rows)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("work", "ours", "beside", "ratio", "wanted", "rate", "of limit");
        foreach (var column in table.Columns.Skip(1))
        {
            column.RightAligned().NoWrap();
        }

        foreach (var row in rows)
        {
            table.AddRow(
                Markup.Escape(row.Work),
                Figure(row.Ours),
                double.IsFinite(row.Other) ? Figure(row.Other) : "",
                double.IsFinite(row.Ratio) ? row.Ratio.ToString("0.00", CultureInfo.InvariantCulture) : "",
                row.Wanted,
                row.Rate,
                double.IsFinite(row.LimitShare) ? $"{row.LimitShare:0.00} {row.LimitWanted}".Trim() : row.LimitWanted);
        }

        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, 120);
        AnsiConsole.Write(table);
    }

    private static string Figure(double value) => value.ToString(value >= 100 ? "0" : value >= 10 ? "0.0" : "0.00", CultureInfo.InvariantCulture);

    private static string Json(int threads, MachineLimits limits, IReadOnlyList<PeerRow> rows)
    {
        static JsonNode? Number(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;
        var document = new JsonObject
        {
            ["threads"] = threads,
            ["limits"] = new JsonObject
            {
                ["read_gb_per_s"] = limits.ReadGigabytesPerSecond,
                ["fma_gflop_per_s"] = limits.FmaGigaflops,
                ["dot_gop_per_s"] = limits.DotGigaops,
            },
            ["rows"] = new JsonArray([.. rows.Select(row => (JsonNode)new JsonObject
            {
                ["work"] = row.Work,
                ["unit"] = row.Unit,
                ["ours"] = Number(row.Ours),
                ["other"] = Number(row.Other),
                ["other_name"] = row.OtherName,
                ["ratio"] = Number(row.Ratio),
                ["wanted"] = row.Wanted,
                ["rate"] = row.Rate,
                ["limit_share"] = Number(row.LimitShare),
                ["limit_wanted"] = row.LimitWanted,
            })]),
        };
        return document.ToJsonString(new JsonSerializerOptions { WriteIndented = true });
    }
}
