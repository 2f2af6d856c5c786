using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TorchKv.Benchmarks.Serving;

/// <summary>Figures as a table for people, and as JSON.</summary>
internal static class FigureTable
{
    private static readonly JsonSerializerOptions s_indented = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Writes a line for each figure, with what is wanted of it; ✗ marks those that fall short.</summary>
    public static void Write(TextWriter output, IReadOnlyList<Figure> figures)
    {
        var width = figures.Count == 0 ? 0 : figures.Max(f => f.What.Length);
        foreach (var figure in figures)
        {
            output.WriteLine(
                $"{figure.What.PadRight(width)} {figure.Shown,8}  {figure.Wanted,-8} "
                    + $"{(figure.IsMet ? "  " : "✗ ")}{figure.Detail}");
        }
    }

    /// <summary>The figures as one JSON object.</summary>
    public static string Json(IReadOnlyList<Figure> figures, string model, int threads)
    {
        var rows = new JsonArray([.. figures.Select(f => (JsonNode)new JsonObject
        {
            ["what"] = f.What,
            ["value"] = f.Value,
            ["wanted"] = f.Wanted,
            ["met"] = f.IsMet,
            ["detail"] = f.Detail,
        })]);
        return new JsonObject
        {
            ["model"] = Path.GetFileName(Path.TrimEndingDirectorySeparator(model)),
            ["threads"] = threads,
            ["figures"] = rows,
        }.ToJsonString(s_indented);
    }
}
