using System.Globalization;
using System.Text;
using TorchKv.PortChecking.Comparison;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Report;

/// <summary>A report as a picture: a row for each module in the order of execution, a column for each step, error as colour.</summary>
internal static class ErrorHeatMap
{
    private const double RowHeight = 14;
    private const double Top = 96;
    private const double Right = 24;

    // Within the bound: pale to strong blue over four powers of ten. Beyond it: yellow to dark red over six. Told apart by lightness too.
    private static readonly (double Log, int R, int G, int B)[] Scale =
    [
        (-4, 0xE8, 0xF1, 0xFA), (0, 0x5B, 0x9B, 0xD5), (1e-9, 0xFF, 0xD1, 0x66), (2, 0xEF, 0x6C, 0x33), (6, 0x8B, 0x0A, 0x1A),
    ];

    public static string Draw(PortCheckReport report)
    {
        var entries = report.Modules.Select(module => (Module: module, Key: TraceKey.TryParse(module.Key)!)).ToArray();
        var names = entries.Select(entry => Row(entry.Key)).Distinct().ToList();
        var rowOf = names.Select((name, i) => (name, i)).ToDictionary(item => item.name, item => item.i);
        var steps = entries.Select(entry => entry.Key.Step).Distinct().Order().ToArray();
        var left = 24 + (names.Select(name => name.Length).DefaultIfEmpty(8).Max() * 6.6);
        var cell = Math.Clamp(640.0 / Math.Max(1, steps.Length), 3, 48);
        var width = Math.Max(720, left + (cell * steps.Length) + Right);
        var height = Top + (RowHeight * names.Count) + 40;

        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:F0} {height:F0}\" width=\"{width:F0}\" height=\"{height:F0}\" role=\"img\" aria-label=\"Error of each module at each step\">\n");
        svg.Append("""
            <style>
            text { font: 11px ui-monospace, "DejaVu Sans Mono", Menlo, monospace; fill: #374151; }
            .title { font: 600 15px system-ui, "DejaVu Sans", sans-serif; fill: #111827; }
            .words { font: 12px system-ui, "DejaVu Sans", sans-serif; }
            .paper { fill: #ffffff; } .none { fill: none; stroke: #9ca3af; stroke-dasharray: 2 2; } .first { fill: none; stroke: #111827; stroke-width: 2; }
            @media (prefers-color-scheme: dark) { text { fill: #c3cad4; } .title { fill: #f3f4f6; } .paper { fill: #15181d; } .first { stroke: #ffffff; } }
            </style>

            """);
        svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"paper\" width=\"{width:F0}\" height=\"{height:F0}\" rx=\"6\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text class=\"title\" x=\"20\" y=\"26\">{(report.Same ? "The port is the same as its original" : $"The port differs, first at {Escape(report.First ?? "?")}")}</text>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text class=\"words\" x=\"20\" y=\"46\">{Escape(Shorten(report.LooksLike ?? "every module within its bound", (int)((width - 40) / 6.4)))}</text>\n");
        Legend(svg);
        for (var i = 0; i < names.Count; i++)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{left - 6:F1}\" y=\"{Top + (RowHeight * i) + 11:F1}\" text-anchor=\"end\">{Escape(names[i])}</text>\n");
        }

        foreach (var (module, key) in entries)
        {
            var x = left + (cell * Array.IndexOf(steps, key.Step));
            var y = Top + (RowHeight * rowOf[Row(key)]);
            var place = string.Create(CultureInfo.InvariantCulture, $"x=\"{x:F1}\" y=\"{y:F1}\" width=\"{cell - 1:F1}\" height=\"{RowHeight - 1:F1}\"");
            var about = $"<title>{Escape(module.Key)}: max abs {ReportText.Error(module.MaxAbs)}, max rel {ReportText.Error(module.MaxRel)}, allowed {ReportText.Error(module.Bound)}</title>";
            svg.Append(module.PortKey is null ? $"<rect class=\"none\" {place}>{about}</rect>\n" : $"<rect fill=\"{Color(module)}\" {place}>{about}</rect>\n");
            if (module.Key == report.First)
            {
                svg.Append($"<rect class=\"first\" {place}/>\n");
            }
        }

        // As many labels as fit.
        var every = (int)Math.Ceiling(26 / cell);
        for (var i = 0; i < steps.Length; i += every)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{left + (cell * (i + 0.5)):F1}\" y=\"{Top + (RowHeight * names.Count) + 14:F1}\" text-anchor=\"middle\">{steps[i]:000}</text>\n");
        }

        svg.Append(CultureInfo.InvariantCulture, $"<text class=\"words\" x=\"{left:F1}\" y=\"{height - 8:F1}\">step</text>\n</svg>\n");
        return svg.ToString();
    }

    private static void Legend(StringBuilder svg)
    {
        var labels = new (double Log, string Text)[] { (-4, "≤ bound ÷ 10⁴"), (-1, "bound ÷ 10"), (0, "bound"), (0.3, "2 ×"), (2, "100 ×"), (6, "≥ 10⁶ × bound") };
        for (var i = 0; i < labels.Length; i++)
        {
            var x = 20 + (i * 114);
            svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{x}\" y=\"58\" width=\"12\" height=\"12\" fill=\"{Color(labels[i].Log)}\"/><text x=\"{x + 16}\" y=\"68\">{labels[i].Text}</text>\n");
        }
    }

    private static string Row(TraceKey key) => key.Module + (key.Call == 1 ? "" : $"#{key.Call}") + (key.Part is null ? "" : ":" + key.Part);

    private static string Color(ModuleError module)
    {
        if (double.IsNaN(module.MaxRel))
        {
            return Color(6);
        }

        // Either side of the bound the colour follows the verdict, which looks at each number by itself.
        var log = Math.Log10(Math.Max(module.MaxRel, 1e-30) / module.Bound);
        return Color(module.Within ? Math.Min(log, 0) : Math.Max(log, 0.05));
    }

    private static string Color(double log)
    {
        log = Math.Clamp(log, Scale[0].Log, Scale[^1].Log);
        var i = 0;
        while (i + 2 < Scale.Length && log > Scale[i + 1].Log)
        {
            i++;
        }

        var (from, to) = (Scale[i], Scale[i + 1]);
        var t = Math.Clamp((log - from.Log) / (to.Log - from.Log), 0, 1);
        return $"#{Mix(from.R, to.R):X2}{Mix(from.G, to.G):X2}{Mix(from.B, to.B):X2}";

        int Mix(int a, int b) => (int)Math.Round(a + ((b - a) * t));
    }

    private static string Shorten(string text, int length) => text.Length <= length ? text : text[..Math.Max(1, length - 1)] + "…";

    private static string Escape(string text) =>
        text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal)
            .Replace(">", "&gt;", StringComparison.Ordinal).Replace("\"", "&quot;", StringComparison.Ordinal);
}
