namespace TorchKv.Plotting;

/// <summary>
/// Ratios as bars that begin at 1, on a logarithmic axis: twice as good and half as good are equally long. Ratios
/// beyond a sixteenth and beyond 64 are drawn as these.
/// </summary>
/// <param name="Title">What it shows.</param>
/// <param name="Subtitle">How it is read.</param>
/// <param name="Groups">The bars.</param>
internal sealed record RatioChart(string Title, string Subtitle, IReadOnlyList<RatioGroup> Groups)
{
    private const double Least = 1.0 / 16;
    private const double Most = 64;
    private const double Margin = 16;
    private const double Bars = 420;
    private const double Top = 82;
    private const double RowHeight = 24;
    private const double HeadingHeight = 28;

    private const string Style = """

        .plain { fill: #8b949e; } .good { fill: #2f81f7; } .poor { fill: #D55E00; }
        .small { font-size: 11px; }
        .wanted { fill: #111827; stroke: #ffffff; }
        @media (prefers-color-scheme: dark) { .wanted { fill: #f3f4f6; stroke: #15181d; } }
        """;

    /// <summary>The chart as an SVG text.</summary>
    public string ToSvg()
    {
        var bars = Groups.SelectMany(group => group.Bars).ToList();
        var drawn = bars.Select(bar => bar.Ratio)
            .Concat(bars.Select(bar => bar.Wanted ?? 1))
            .Where(double.IsFinite)
            .Select(Limit)
            .ToList();
        var left = Margin + WidthOf(bars.Select(bar => bar.Label.Length)) + 12;
        var texts = WidthOf(bars.Select(bar => bar.Text.Length + bar.Detail.Length));
        var width = Math.Max(
            left + Bars + 24 + texts,
            Margin + Math.Max(Title.Length * 9, Subtitle.Length * ChartStyle.CharacterWidth));
        var headings = Groups.Count(group => group.Heading.Length > 0);
        var height = Top + (bars.Count * RowHeight) + (headings * HeadingHeight) + 16;
        var axis = Axis.Logarithmic(
            Math.Min(0.8, drawn.DefaultIfEmpty(1).Min() / 1.1),
            Math.Max(2, drawn.DefaultIfEmpty(1).Max() * 1.1),
            left,
            left + Bars);

        var svg = new Svg();
        svg.Text(Margin, 28, Title, "title");
        svg.Text(Margin, 48, Subtitle);
        foreach (var tick in axis.Ticks)
        {
            svg.Line(axis.At(tick), Top, axis.At(tick), height - 12, tick == 1 ? "axis" : "grid");
            svg.Text(axis.At(tick), Top - 6, Axis.Label(tick), "small", TextAnchor.Middle);
        }

        var y = Top;
        foreach (var (heading, rows) in Groups)
        {
            if (heading.Length > 0)
            {
                svg.Text(Margin, y + 20, heading, "strong");
                y += HeadingHeight;
            }

            foreach (var bar in rows)
            {
                Draw(svg, bar, axis, left, y);
                y += RowHeight;
            }
        }

        return svg.ToDocument(width, height, Title, ChartStyle.Common + Style);
    }

    private static double WidthOf(IEnumerable<int> lengths) =>
        lengths.DefaultIfEmpty(0).Max() * ChartStyle.CharacterWidth;

    private static double Limit(double ratio) => Math.Clamp(ratio, Least, Most);

    private static void Draw(Svg svg, RatioBar bar, Axis axis, double left, double y)
    {
        svg.Text(left - 12, y + 16, bar.Label, anchor: TextAnchor.End);
        var end = axis.At(1);
        if (!double.IsNaN(bar.Ratio))
        {
            var (from, to) = (axis.At(Math.Min(1, Limit(bar.Ratio))), axis.At(Math.Max(1, Limit(bar.Ratio))));
            svg.Rect(
                from, y + 4, Math.Max(1, to - from), RowHeight - 8, bar.Tone.ToString().ToLowerInvariant(), radius: 2);
            end = to;
        }

        if (bar.Wanted is { } wanted)
        {
            var x = axis.At(Limit(wanted));
            svg.Path($"M{Svg.Number(x - 5)} {Svg.Number(y + 12)}l5 -5l5 5l-5 5z", "wanted");
            end = Math.Max(end, x + 5);
        }

        TextSpan[] spans = bar.Detail.Length == 0
            ? [new TextSpan(bar.Text, "strong")]
            : [new TextSpan(bar.Text, "strong"), new TextSpan("  " + bar.Detail, "small")];
        svg.Text(end + 6, y + 16, spans);
    }
}
