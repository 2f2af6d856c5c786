using System.Globalization;
using TorchKv.Plotting;
using TorchKv.PortChecking.Comparison;
using TorchKv.PortChecking.Text;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Report;

/// <summary>
/// Draws a report: a row for each module in the order of execution, a column for each step, the error as colour.
/// </summary>
internal static class ErrorHeatMap
{
    // Within the bound: pale to strong blue over four powers of ten. Beyond it: yellow to dark red over six. Told apart
    // by lightness too.
    private static readonly ColorScale s_colors =
        new((-4, 0xE8F1FA), (0, 0x5B9BD5), (1e-9, 0xFFD166), (2, 0xEF6C33), (6, 0x8B0A1A));

    private static readonly (double Log, string Text)[] s_legend =
    [
        (-4, "≤ bound ÷ 10⁴"), (-1, "bound ÷ 10"), (0, "bound"), (0.3, "2 ×"), (2, "100 ×"), (6, "≥ 10⁶ × bound"),
    ];

    /// <summary>The map as an SVG text.</summary>
    public static string Draw(PortCheckReport report)
    {
        var outputs = report.Modules.Select(error => (Error: error, Key: TraceKey.TryParse(error.Key)!)).ToArray();
        var rows = outputs.Select(output => RowName(output.Key)).Distinct().ToList();
        var steps = outputs.Select(output => output.Key.Step).Distinct().Order().ToList();
        var rowOf = rows.Select((name, i) => (name, i)).ToDictionary(row => row.name, row => row.i);
        return new HeatMap(
            report.Same ? "The port is the same as its original" : $"The port differs, first at {report.First ?? "?"}",
            report.LooksLike ?? "every module within its bound",
            rows,
            [.. steps.Select(step => step.ToString("000", CultureInfo.InvariantCulture))],
            "step",
            [.. s_legend.Select(entry => new HeatMapKey(s_colors.At(entry.Log), entry.Text))],
            [
                .. outputs.Select(
                    output => CellOf(output.Error, rowOf[RowName(output.Key)], steps.IndexOf(output.Key.Step)))
            ])
            .ToSvg();

        HeatMapCell CellOf(ModuleError error, int row, int column)
        {
            var about = $"{error.Key}: max abs {Figures.Error(error.MaxAbs)}, "
                + $"max rel {Figures.Error(error.MaxRel)}, allowed {Figures.Error(error.Bound)}";
            var color = error.PortKey is null ? null : ColorOf(error);
            return new HeatMapCell(row, column, color, about) { IsMarked = error.Key == report.First };
        }
    }

    private static string RowName(TraceKey key) =>
        key.Module + (key.Call == 1 ? "" : $"#{key.Call}") + (key.Part is null ? "" : ":" + key.Part);

    private static string ColorOf(ModuleError error)
    {
        if (double.IsNaN(error.MaxRel))
        {
            return s_colors.At(6);
        }

        // Either side of the bound the colour follows the verdict, which looks at each number by itself.
        var log = Math.Log10(Math.Max(error.MaxRel, 1e-30) / error.Bound);
        return s_colors.At(error.Within ? Math.Min(log, 0) : Math.Max(log, 0.05));
    }
}
