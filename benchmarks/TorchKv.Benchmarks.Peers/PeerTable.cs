using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace TorchKv.Benchmarks.Peers;

/// <summary>The rows for a terminal, for the documentation and for programs.</summary>
internal static class PeerTable
{
    private static readonly string[] Headings =
    [
        "work", "ours", "beside", "", "ratio", "rate", "of the limit", "wanted", "holds",
    ];
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static void Print(IReadOnlyList<PeerRow> rows)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns(Headings);
        for (var column = 0; column < Headings.Length; column++)
        {
            table.Columns[column].NoWrap();
            table.Columns[column].Alignment = column is 1 or 2 or 4 or 5 ? Justify.Right : Justify.Left;
        }

        foreach (var row in rows)
        {
            table.AddRow([.. Cells(row).Select(Markup.Escape)]);
        }

        // The table takes what it needs; a line that the terminal wraps is easier to read than a cut column.
        AnsiConsole.Profile.Width = 250;
        AnsiConsole.Write(table);
        var judged = rows.Where(row => row.Aims.Count > 0).ToList();
        Console.WriteLine(
            $"{judged.Count(row => row.Holds == true)} of {judged.Count} rows with an aim hold; not measured in "
                + $"full: {judged.Count(row => row.Holds is null)}.");
    }

    public static string Markdown(IReadOnlyList<PeerRow> rows)
    {
        var text = new StringBuilder();
        text.AppendLine($"| {string.Join(" | ", Headings.Select(heading => heading.Length == 0 ? "of" : heading))} |");
        text.AppendLine($"|{string.Concat(Enumerable.Repeat(" --- |", Headings.Length))}");
        foreach (var row in rows)
        {
            text.AppendLine($"| {string.Join(" | ", Cells(row))} |");
        }

        return text.ToString().ReplaceLineEndings("\n");
    }

    public static string Json(PeersOptions options, PeerFiles files, IReadOnlyList<PeerRow> rows)
    {
        static JsonNode? Number(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;
        var document = new JsonObject
        {
            ["model"] = options.Model,
            ["parameters"] = files.Config.ParameterCount,
            ["threads"] = options.Threads,
            ["quick"] = options.Quick,
            ["llama_cpp"] = options.Llama is not null && files.WhyNotLlama is null,
            ["pytorch"] = options.Python is not null,
            ["rows"] = new JsonArray([.. rows.Select(row => (JsonNode)new JsonObject
            {
                ["work"] = row.Work,
                ["unit"] = row.Unit,
                ["ours"] = Number(row.Ours),
                ["other"] = Number(row.Other),
                ["other_name"] = row.OtherName,
                ["ratio"] = Number(row.Ratio),
                ["rate"] = Number(row.Rate),
                ["rate_unit"] = row.RateUnit,
                ["limit"] = Number(row.Limit),
                ["limit_share"] = Number(row.LimitShare),
                ["wanted"] = new JsonArray([.. row.Aims.Select(aim => (JsonNode)aim.Text)]),
                ["holds"] = row.Holds,
            })]),
        };
        return document.ToJsonString(Indented);
    }

    private static string[] Cells(PeerRow row) =>
    [
        row.Work,
        $"{Figure(row.Ours)} {row.Unit}".Trim(),
        double.IsFinite(row.Other) ? Figure(row.Other) : "",
        double.IsFinite(row.Other) ? row.OtherName : "",
        double.IsFinite(row.Ratio) ? row.Ratio.ToString("0.00", CultureInfo.InvariantCulture) : "",
        double.IsFinite(row.Rate)
            ? row.RateUnit.StartsWith('%')
            ? $"{row.Rate.ToString("+0.000;-0.000;0", CultureInfo.InvariantCulture)} {row.RateUnit}"
            : $"{Figure(row.Rate)} {row.RateUnit}"
            : "",
        double.IsFinite(row.LimitShare)
            ? $"{row.LimitShare:0.00} of {Figure(row.Limit)}"
            : "",
        string.Join(", ", row.Aims.Select(aim => aim.Text)),
        row.Holds switch { true => "yes", false => "NO", _ => row.Aims.Count > 0 ? "?" : "" },
    ];

    private static string Figure(double value) =>
        value.ToString(
            value == 0 ? "0" : value >= 1000 ? "#,0" : value >= 100 ? "0" : value >= 10 ? "0.0" : "0.00",
            CultureInfo.InvariantCulture);
}
