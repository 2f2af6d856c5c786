using System.Globalization;
using System.Text;
using TorchKv.PortChecking.Comparison;
using TorchKv.PortChecking.Text;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Report;

/// <summary>
/// Draws a report as SVG: a row for each module in the order of execution, a column for each step, the error as colour.
/// </summary>
internal sealed class ErrorHeatMap
{
    private const double RowHeight = 14, Top = 96, Right = 24;

    private const string Style = """
        <style>
        text { font: 11px ui-monospace, "DejaVu Sans Mono", Menlo, monospace; fill: #374151; }
        .title { font: 600 15px system-ui, "DejaVu Sans", sans-serif; fill: #111827; }
        .words { font: 12px system-ui, "DejaVu Sans", sans-serif; }
        .paper { fill: #ffffff; }
        .none { fill: none; stroke: #9ca3af; stroke-dasharray: 2 2; }
        .first { fill: none; stroke: #111827; stroke-width: 2; }
        @media (prefers-color-scheme: dark) {
          text { fill: #c3cad4; } .title { fill: #f3f4f6; } .paper { fill: #15181d; } .first { stroke: #ffffff; }
        }
        </style>
        """;

    private readonly StringBuilder _svg = new();
    private readonly PortCheckReport _report;
    private readonly (ModuleError Error, TraceKey Key)[] _outputs;
    private readonly List<string> _rows;
    private readonly int[] _steps;
    private readonly double _left;
    private readonly double _cell;

    private ErrorHeatMap(PortCheckReport report)
    {
        _report = report;
        _outputs = [.. report.Modules.Select(error => (error, TraceKey.TryParse(error.Key)!))];
        _rows = [.. _outputs.Select(output => RowName(output.Key)).Distinct()];
        _steps = [.. _outputs.Select(output => output.Key.Step).Distinct().Order()];
        _left = 24 + (_rows.Select(name => name.Length).DefaultIfEmpty(8).Max() * 6.6);
        _cell = Math.Clamp(640.0 / Math.Max(1, _steps.Length), 3, 48);
    }

    /// <summary>Draws a report.</summary>
    public static string Draw(PortCheckReport report) => new ErrorHeatMap(report).Draw();

    private string Draw()
    {
        var width = Math.Max(720, _left + (_cell * _steps.Length) + Right);
        var height = Top + (RowHeight * _rows.Count) + 40;
        Add($"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:F0} {height:F0}" width="{width:F0}"
            height="{height:F0}" role="img" aria-label="Error of each module at each step">
            """);
        _svg.Append(Style).Append('\n');
        Add($"<rect class=\"paper\" width=\"{width:F0}\" height=\"{height:F0}\" rx=\"6\"/>");
        Titles(width);
        Legend();
        Cells();
        Labels(height);
        _svg.Append("</svg>\n");
        return _svg.ToString();
    }

    private void Titles(double width)
    {
        var title = _report.Same
            ? "The port is the same as its original"
            : $"The port differs, first at {_report.First ?? "?"}";
        var words = Shorten(_report.LooksLike ?? "every module within its bound", (int)((width - 40) / 6.4));
        Add($"<text class=\"title\" x=\"20\" y=\"26\">{Escape(title)}</text>");
        Add($"<text class=\"words\" x=\"20\" y=\"46\">{Escape(words)}</text>");
    }

    private void Legend()
    {
        for (var i = 0; i < ErrorColors.Legend.Count; i++)
        {
            var (error, text) = ErrorColors.Legend[i];
            var x = 20 + (i * 114);
            Add($"<rect x=\"{x}\" y=\"58\" width=\"12\" height=\"12\" fill=\"{ErrorColors.Of(error)}\"/>");
            Add($"<text x=\"{x + 16}\" y=\"68\">{text}</text>");
        }
    }

    private void Cells()
    {
        var rowOf = _rows.Select((name, i) => (name, i)).ToDictionary(row => row.name, row => row.i);
        foreach (var (error, key) in _outputs)
        {
            var x = _left + (_cell * Array.IndexOf(_steps, key.Step));
            var y = Top + (RowHeight * rowOf[RowName(key)]);
            var at = Invariant($"x=\"{x:F1}\" y=\"{y:F1}\" width=\"{_cell - 1:F1}\" height=\"{RowHeight - 1:F1}\"");
            var about = $"{Escape(error.Key)}: max abs {Figures.Error(error.MaxAbs)}, "
                + $"max rel {Figures.Error(error.MaxRel)}, allowed {Figures.Error(error.Bound)}";
            var look = error.PortKey is null ? "class=\"none\"" : $"fill=\"{ErrorColors.Of(error)}\"";
            Add($"<rect {look} {at}><title>{about}</title></rect>");
            if (error.Key == _report.First)
            {
                Add($"<rect class=\"first\" {at}/>");
            }
        }
    }

    private void Labels(double height)
    {
        for (var i = 0; i < _rows.Count; i++)
        {
            var y = Top + (RowHeight * i) + 11;
            Add($"<text x=\"{_left - 6:F1}\" y=\"{y:F1}\" text-anchor=\"end\">{Escape(_rows[i])}</text>");
        }

        // As many step numbers as fit.
        var every = (int)Math.Ceiling(26 / _cell);
        var below = Top + (RowHeight * _rows.Count) + 14;
        for (var i = 0; i < _steps.Length; i += every)
        {
            var x = _left + (_cell * (i + 0.5));
            Add($"<text x=\"{x:F1}\" y=\"{below:F1}\" text-anchor=\"middle\">{_steps[i]:000}</text>");
        }

        Add($"<text class=\"words\" x=\"{_left:F1}\" y=\"{height - 8:F1}\">step</text>");
    }

    private void Add(FormattableString line) => _svg.Append(Invariant(line)).Append('\n');

    // SVG has decimal points in every culture.
    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static string RowName(TraceKey key) =>
        key.Module + (key.Call == 1 ? "" : $"#{key.Call}") + (key.Part is null ? "" : ":" + key.Part);

    private static string Shorten(string text, int length) =>
        text.Length <= length ? text : text[..Math.Max(1, length - 1)] + "…";

    private static string Escape(string text) => text
        .Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal)
        .Replace(">", "&gt;", StringComparison.Ordinal).Replace("\"", "&quot;", StringComparison.Ordinal);
}
