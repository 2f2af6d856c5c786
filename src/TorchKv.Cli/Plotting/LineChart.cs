using System.Globalization;
using System.Text;

namespace TorchKv.Cli.Plotting;

/// <summary>One line of a chart.</summary>
/// <param name="Name">Its name in the legend.</param>
/// <param name="Points">Its points in order of x; a point that is not finite breaks the line.</param>
internal sealed record ChartSeries(string Name, IReadOnlyList<(double X, double Y)> Points);

/// <summary>
/// A line chart as SVG that stands alone: it brings its background, follows the viewer's light or dark scheme where that is
/// known, and needs no font but the system's.
/// </summary>
internal sealed record LineChart(string Title, string XLabel, string YLabel, IReadOnlyList<ChartSeries> Series)
{
    private const double Left = 64;
    private const double Right = 20;
    private const double Bottom = 48;
    private const double LegendRow = 20;

    // Okabe and Ito's palette: told apart with any colour vision, on white and on near-black.
    private static readonly string[] s_colors = ["#D55E00", "#E69F00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#8C6D31", "#7A7A7A"];

    /// <summary>In pixels.</summary>
    public int Width { get; init; } = 720;

    /// <summary>In pixels.</summary>
    public int Height { get; init; } = 400;

    /// <summary>A line under the title that says what was measured where.</summary>
    public string Subtitle { get; init; } = "";

    public string ToSvg()
    {
        var points = Series.SelectMany(series => series.Points).Where(IsFinite).ToList();
        var (xMin, xMax) = points.Count > 0 ? (points.Min(point => point.X), points.Max(point => point.X)) : (0, 1);
        var yMax = points.Count > 0 ? points.Max(point => point.Y) : 1;
        var xTicks = Ticks(xMin, Math.Max(xMax, xMin + 1e-9), 8);
        var yTicks = Ticks(0, Math.Max(yMax, 1e-9), 6);
        var (x0, x1) = (Math.Min(xMin, xTicks[0]), Math.Max(xMax, xTicks[^1]));
        var y1 = yTicks[^1];

        var svg = new StringBuilder();
        var legend = LegendLayout();
        var top = (Subtitle.Length > 0 ? 62 : 46) + (legend.Count > 0 ? LegendRow * (legend[^1].Row + 1) : 0);
        var plotWidth = Width - Left - Right;
        var plotHeight = Height - top - Bottom;
        double X(double x) => Left + ((x - x0) / (x1 - x0) * plotWidth);
        double Y(double y) => top + plotHeight - (Math.Clamp(y, 0, y1) / y1 * plotHeight);

        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {Height}\" width=\"{Width}\" height=\"{Height}\" role=\"img\" aria-label=\"{Escape(Title)}\">\n");
        svg.Append("""
            <style>
            text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #4b5563; }
            .title { font-size: 16px; font-weight: 600; fill: #111827; }
            .paper { fill: #ffffff; }
            .grid { stroke: #e5e7eb; stroke-width: 1; }
            .axis { stroke: #9ca3af; stroke-width: 1; }
            .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
            @media (prefers-color-scheme: dark) {
            text { fill: #b6bec9; } .title { fill: #f3f4f6; } .paper { fill: #15181d; } .grid { stroke: #2b3038; } .axis { stroke: #6b7280; }
            }
            </style>

            """);
        svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"paper\" width=\"{Width}\" height=\"{Height}\" rx=\"6\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text class=\"title\" x=\"20\" y=\"28\">{Escape(Title)}</text>\n");
        if (Subtitle.Length > 0)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"20\" y=\"46\">{Escape(Subtitle)}</text>\n");
        }

        foreach (var (index, x, row) in legend)
        {
            var y = (Subtitle.Length > 0 ? 66 : 48) + (row * LegendRow);
            svg.Append(CultureInfo.InvariantCulture, $"<line class=\"line\" x1=\"{x:F1}\" x2=\"{x + 18:F1}\" y1=\"{y:F1}\" y2=\"{y:F1}\" stroke=\"{Color(index)}\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{x + 24:F1}\" y=\"{y + 4:F1}\">{Escape(Series[index].Name)}</text>\n");
        }

        foreach (var tick in yTicks)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<line class=\"grid\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{Y(tick):F1}\" y2=\"{Y(tick):F1}\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left - 8}\" y=\"{Y(tick) + 4:F1}\" text-anchor=\"end\">{Label(tick)}</text>\n");
        }

        foreach (var tick in xTicks)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<line class=\"axis\" x1=\"{X(tick):F1}\" x2=\"{X(tick):F1}\" y1=\"{Y(0):F1}\" y2=\"{Y(0) + 4:F1}\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{X(tick):F1}\" y=\"{Y(0) + 18:F1}\" text-anchor=\"middle\">{Label(tick)}</text>\n");
        }

        svg.Append(CultureInfo.InvariantCulture, $"<line class=\"axis\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{Y(0):F1}\" y2=\"{Y(0):F1}\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left + (plotWidth / 2):F1}\" y=\"{Height - 10}\" text-anchor=\"middle\">{Escape(XLabel)}</text>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text transform=\"translate(16 {top + (plotHeight / 2):F1}) rotate(-90)\" text-anchor=\"middle\">{Escape(YLabel)}</text>\n");
        for (var index = 0; index < Series.Count; index++)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<path class=\"line\" stroke=\"{Color(index)}\" d=\"{Path(Series[index].Points, X, Y)}\"/>\n");
        }

        return svg.Append("</svg>\n").ToString();
    }

    /// <summary>Round numbers (1, 2 or 5 times a power of ten apart) from at most <paramref name="min"/> to at least <paramref name="max"/>.</summary>
    internal static double[] Ticks(double min, double max, int about)
    {
        var rough = (max - min) / about;
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        var step = power * (rough / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 };
        var first = Math.Floor(min / step);
        var last = Math.Ceiling((max / step) - 1e-9);
        return [.. Enumerable.Range(0, (int)(last - first) + 1).Select(i => (first + i) * step)];
    }

    private static string Color(int index) => s_colors[index % s_colors.Length];

    private static bool IsFinite((double X, double Y) point) => double.IsFinite(point.X) && double.IsFinite(point.Y);

    private static string Path(IReadOnlyList<(double X, double Y)> points, Func<double, double> x, Func<double, double> y)
    {
        var path = new StringBuilder();
        var pen = 'M';
        foreach (var point in points)
        {
            if (!IsFinite(point))
            {
                pen = 'M';
                continue;
            }

            path.Append(CultureInfo.InvariantCulture, $"{pen}{x(point.X):F1} {y(point.Y):F1}");
            pen = 'L';
        }

        return path.ToString();
    }

    private static string Label(double value) => (Math.Abs(value) < 1e-12 ? 0 : value).ToString("0.######", CultureInfo.InvariantCulture);

    internal static string Escape(string text) =>
        text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal)
            .Replace(">", "&gt;", StringComparison.Ordinal).Replace("\"", "&quot;", StringComparison.Ordinal);

    private List<(int Index, double X, int Row)> LegendLayout()
    {
        var entries = new List<(int, double, int)>();
        var (x, row) = (20.0, 0);
        for (var index = 0; index < Series.Count; index++)
        {
            // 12 px system fonts are about 6.6 px a character wide.
            var width = 24 + (Series[index].Name.Length * 6.6) + 18;
            if (x > 20 && x + width > Width - Right)
            {
                (x, row) = (20, row + 1);
            }

            entries.Add((index, x, row));
            x += width;
        }

        return entries;
    }
}
