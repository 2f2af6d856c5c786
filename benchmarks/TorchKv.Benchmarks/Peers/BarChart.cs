using System.Globalization;
using System.Security;
using System.Text;

namespace TorchKv.Benchmarks.Peers;

/// <summary>A bar and what it stands for.</summary>
internal readonly record struct Bar(string Name, double Value);

/// <summary>Horizontal bars as SVG, readable on a light and on a dark page.</summary>
internal static class BarChart
{
    private const int Left = 300;
    private const int Width = 760;
    private const int RowHeight = 26;

    /// <summary>Draws <paramref name="bars"/> with a line at <paramref name="reference"/>.</summary>
    public static string Draw(string title, IReadOnlyList<Bar> bars, double reference)
    {
        var height = 60 + (bars.Count * RowHeight);
        var largest = Math.Max(reference, bars.Count == 0 ? 1 : bars.Max(b => b.Value));
        double X(double value) => Left + (value / largest * (Width - Left - 60));
        string F(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);
        var svg = new StringBuilder();
        svg.AppendLine(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Width}\" height=\"{height}\" viewBox=\"0 0 {Width} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"13\">");
        svg.AppendLine("<style>text{fill:#57606a}.b{fill:#2f81f7}.r{stroke:#8b949e;stroke-dasharray:4 3}@media(prefers-color-scheme:dark){text{fill:#adbac7}}</style>");
        svg.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"12\" y=\"24\" font-size=\"15\" font-weight=\"600\">{SecurityElement.Escape(title)}</text>");
        for (var i = 0; i < bars.Count; i++)
        {
            var y = 44 + (i * RowHeight);
            svg.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{Left - 10}\" y=\"{y + 15}\" text-anchor=\"end\">{SecurityElement.Escape(bars[i].Name)}</text>");
            svg.AppendLine(CultureInfo.InvariantCulture, $"<rect class=\"b\" x=\"{Left}\" y=\"{y + 3}\" width=\"{F(X(bars[i].Value) - Left)}\" height=\"{RowHeight - 9}\" rx=\"2\"/>");
            svg.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{F(X(bars[i].Value) + 6)}\" y=\"{y + 15}\">{bars[i].Value:0.00}</text>");
        }

        svg.AppendLine(CultureInfo.InvariantCulture, $"<line class=\"r\" x1=\"{F(X(reference))}\" x2=\"{F(X(reference))}\" y1=\"38\" y2=\"{height - 12}\"/>");
        svg.AppendLine("</svg>");
        return svg.ToString();
    }
}
