using System.Text;

namespace TorchKv.Plotting;

/// <summary>Lines over two axes in proportion; y begins at 0.</summary>
/// <param name="Title">What it shows.</param>
/// <param name="XLabel">What x is, with its unit.</param>
/// <param name="YLabel">What y is, with its unit.</param>
/// <param name="Series">The lines.</param>
internal sealed record LineChart(string Title, string XLabel, string YLabel, IReadOnlyList<ChartSeries> Series)
{
    private const double Width = 720;
    private const double Height = 400;
    private const double Left = 64;
    private const double Right = 20;
    private const double Bottom = 48;
    private const double LegendRow = 20;

    private const string Style = """

        .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
        """;

    /// <summary>A line under the title that says what was measured where.</summary>
    public string Subtitle { get; init; } = "";

    /// <summary>The chart as an SVG text.</summary>
    public string ToSvg()
    {
        var points = Series.SelectMany(series => series.Points).Where(IsFinite).DefaultIfEmpty().ToList();
        var svg = new Svg();
        svg.Text(20, 28, Title, "title");
        var top = 46.0;
        if (Subtitle.Length > 0)
        {
            svg.Text(20, 46, Subtitle);
            top = 62;
        }

        top = DrawLegend(svg, top);
        var x = Axis.Linear(points.Min(point => point.X), points.Max(point => point.X), 8, Left, Width - Right);
        var y = Axis.Linear(0, points.Max(point => point.Y), 6, Height - Bottom, top);
        foreach (var tick in y.Ticks)
        {
            svg.Line(Left, y.At(tick), Width - Right, y.At(tick), "grid");
            svg.Text(Left - 8, y.At(tick) + 4, Axis.Label(tick), anchor: TextAnchor.End);
        }

        foreach (var tick in x.Ticks)
        {
            svg.Line(x.At(tick), y.At(0), x.At(tick), y.At(0) + 4, "axis");
            svg.Text(x.At(tick), y.At(0) + 18, Axis.Label(tick), anchor: TextAnchor.Middle);
        }

        svg.Line(Left, y.At(0), Width - Right, y.At(0), "axis");
        svg.Text((Left + Width - Right) / 2, Height - 10, XLabel, anchor: TextAnchor.Middle);
        svg.VerticalText(16, (top + Height - Bottom) / 2, YLabel);
        for (var index = 0; index < Series.Count; index++)
        {
            svg.Path(PathOf(Series[index].Points, x, y), "line", Palette.Of(Palette.Lines, index));
        }

        return svg.ToDocument(Width, Height, Title, ChartStyle.Common + Style);
    }

    private static bool IsFinite((double X, double Y) point) => double.IsFinite(point.X) && double.IsFinite(point.Y);

    private static string PathOf(IReadOnlyList<(double X, double Y)> points, Axis x, Axis y)
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

            path.Append(pen).Append(Svg.Number(x.At(point.X))).Append(' ').Append(Svg.Number(y.At(point.Y)));
            pen = 'L';
        }

        return path.ToString();
    }

    /// <summary>
    /// The series' names, in as many rows as they need from <paramref name="top"/> on; where the next thing can begin.
    /// </summary>
    private double DrawLegend(Svg svg, double top)
    {
        var (x, y) = (20.0, top + 3);
        for (var index = 0; index < Series.Count; index++)
        {
            var width = 24 + (Series[index].Name.Length * ChartStyle.CharacterWidth) + 18;
            if (x > 20 && x + width > Width - Right)
            {
                (x, y) = (20, y + LegendRow);
            }

            svg.Line(x, y, x + 18, y, "line", Palette.Of(Palette.Lines, index));
            svg.Text(x + 24, y + 4, Series[index].Name);
            x += width;
        }

        return Series.Count == 0 ? top : y + LegendRow;
    }
}
