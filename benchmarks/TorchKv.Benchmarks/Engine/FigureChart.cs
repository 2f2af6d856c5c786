using System.Globalization;
using System.Security;
using System.Text;

namespace TorchKv.Benchmarks.Serving;

/// <summary>Figures as bars from what is wanted of each, at a logarithmic scale, as SVG; readable on a light and on a dark page.</summary>
internal static class FigureChart
{
    private const int Names = 610;
    private const int Bars = 330;
    private const int Values = 170;
    private const int RowHeight = 24;

    /// <summary>Draws the figures; a bar to the right of the line is better than wanted, one to the left worse.</summary>
    public static string Draw(string title, IReadOnlyList<Figure> figures)
    {
        var (least, most) = (-1.0, 1.0);
        foreach (var figure in figures)
        {
            least = Math.Min(least, Position(figure) - 0.3);
            most = Math.Max(most, Position(figure) + 0.3);
        }

        double X(double position) => Names + ((position - least) / (most - least) * Bars);
        var (width, height) = (Names + Bars + Values, 100 + (figures.Count * RowHeight));
        var svg = new StringBuilder();
        Line($"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"13\">");
        Line($"<style>text{{fill:#57606a}}.t{{fill:#24292f}}.g{{fill:#2f81f7}}.m{{fill:#d1242f}}.n{{fill:#8b949e}}.r{{stroke:#57606a}}.s{{stroke:#8b949e;stroke-opacity:.35}}@media(prefers-color-scheme:dark){{text{{fill:#adbac7}}.t{{fill:#e6edf3}}.r{{stroke:#adbac7}}}}</style>");
        Line($"<text class=\"t\" x=\"12\" y=\"24\" font-size=\"16\" font-weight=\"600\">{SecurityElement.Escape(title)}</text>");
        Line($"<text x=\"12\" y=\"44\">How many times as good as wanted; grey: nothing is wanted, beside plain decoding</text>");
        for (var tick = (int)Math.Ceiling(least); tick <= most; tick++)
        {
            Line($"<line class=\"{(tick == 0 ? "r" : "s")}\" x1=\"{X(tick):0.#}\" x2=\"{X(tick):0.#}\" y1=\"72\" y2=\"{height - 22}\"/>");
            Line($"<text x=\"{X(tick):0.#}\" y=\"66\" text-anchor=\"middle\" font-size=\"11\">{(tick < 0 ? $"1/{1 << -tick}" : $"{1 << tick}")} ×</text>");
        }

        for (var i = 0; i < figures.Count; i++)
        {
            var figure = figures[i];
            var y = 76 + (i * RowHeight);
            var (from, to) = (Math.Min(X(0), X(Position(figure))), Math.Max(X(0), X(Position(figure))));
            Line($"<text class=\"t\" x=\"{Names - 10}\" y=\"{y + 15}\" text-anchor=\"end\">{SecurityElement.Escape(figure.What.Trim())}</text>");
            Line($"<rect class=\"{(figure.Wanted == "" ? "n" : figure.IsMet ? "g" : "m")}\" x=\"{from:0.#}\" y=\"{y + 4}\" width=\"{Math.Max(1.5, to - from):0.#}\" height=\"{RowHeight - 9}\" rx=\"2\"/>");
            Line($"<text x=\"{Names + Bars + 10}\" y=\"{y + 15}\">{figure.Shown}{(figure.Wanted == "" ? "" : $" (wanted {SecurityElement.Escape(figure.Wanted)})")}</text>");
        }

        svg.AppendLine("</svg>");
        return svg.ToString();

        void Line(FormattableString text) => svg.AppendLine(text.ToString(CultureInfo.InvariantCulture));
    }

    private static double Position(Figure figure) => Math.Clamp(Math.Log2(Math.Max(figure.Margin, 1e-6)), -4, 6);
}
