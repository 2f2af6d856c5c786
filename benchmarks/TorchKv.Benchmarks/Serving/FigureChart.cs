using TorchKv.Plotting;

namespace TorchKv.Benchmarks.Serving;

/// <summary>Figures as bars: how many times as good as wanted each is.</summary>
internal static class FigureChart
{
    /// <summary>The chart as an SVG text.</summary>
    public static string Draw(string title, IReadOnlyList<Figure> figures) =>
        new RatioChart(
            title,
            "How many times as good as wanted, and the figure; grey: nothing is wanted, the ratio is to plain decoding",
            [new RatioGroup("", [.. figures.Select(BarOf)])]).ToSvg();

    private static RatioBar BarOf(Figure figure) => new(figure.What.Trim(), figure.Margin, figure.Shown)
    {
        Detail = figure.Wanted == "" ? "" : $"wanted {figure.Wanted}",
        Tone = figure.Wanted == "" ? BarTone.Plain : figure.IsMet ? BarTone.Good : BarTone.Poor,
    };
}
