namespace TorchKv.Plotting;

/// <summary>Values as coloured cells in rows and columns.</summary>
/// <param name="Title">What it shows.</param>
/// <param name="Subtitle">What is to be seen; cut off where it is longer than the drawing is wide.</param>
/// <param name="Rows">Names of the rows, from top to bottom.</param>
/// <param name="Columns">Names of the columns, of which as many are written as fit.</param>
/// <param name="ColumnsLabel">What the columns are.</param>
/// <param name="Legend">What the colours stand for.</param>
/// <param name="Cells">The values.</param>
internal sealed record HeatMap(
    string Title,
    string Subtitle,
    IReadOnlyList<string> Rows,
    IReadOnlyList<string> Columns,
    string ColumnsLabel,
    IReadOnlyList<HeatMapKey> Legend,
    IReadOnlyList<HeatMapCell> Cells)
{
    private const double RowHeight = 14;
    private const double Top = 96;
    private const double Right = 24;
    private const double LegendPitch = 114;

    private const string Style = """

        .name { font: 11px ui-monospace, "DejaVu Sans Mono", Menlo, monospace; }
        .none { fill: none; stroke: #9ca3af; stroke-dasharray: 2 2; }
        .first { fill: none; stroke: #111827; stroke-width: 2; }
        @media (prefers-color-scheme: dark) { .first { stroke: #ffffff; } }
        """;

    /// <summary>The map as an SVG text.</summary>
    public string ToSvg()
    {
        var left = 24 + (Rows.Select(name => name.Length).DefaultIfEmpty(8).Max() * ChartStyle.CharacterWidth);
        var cell = Math.Clamp(640.0 / Math.Max(1, Columns.Count), 3, 48);
        var width = Math.Max(Math.Max(720, left + (cell * Columns.Count) + Right), 20 + (LegendPitch * Legend.Count));
        var height = Top + (RowHeight * Rows.Count) + 40;

        var svg = new Svg();
        svg.Text(20, 26, Title, "title");
        svg.Text(20, 46, Shorten(Subtitle, (int)((width - 40) / ChartStyle.CharacterWidth)));
        for (var i = 0; i < Legend.Count; i++)
        {
            svg.Rect(20 + (i * LegendPitch), 58, 12, 12, fill: Legend[i].Color);
            svg.Text(36 + (i * LegendPitch), 68, Legend[i].Text, "name");
        }

        for (var i = 0; i < Rows.Count; i++)
        {
            svg.Text(left - 6, Top + (RowHeight * i) + 11, Rows[i], "name", TextAnchor.End);
        }

        foreach (var value in Cells)
        {
            var (x, y) = (left + (cell * value.Column), Top + (RowHeight * value.Row));
            var @class = value.Color is null ? "none" : null;
            svg.Rect(x, y, cell - 1, RowHeight - 1, @class, fill: value.Color, tooltip: value.Tooltip);
            if (value.IsMarked)
            {
                svg.Rect(x, y, cell - 1, RowHeight - 1, "first");
            }
        }

        var every = (int)Math.Ceiling(26 / cell);
        for (var i = 0; i < Columns.Count; i += every)
        {
            svg.Text(
                left + (cell * (i + 0.5)), Top + (RowHeight * Rows.Count) + 14, Columns[i], "name", TextAnchor.Middle);
        }

        svg.Text(left, height - 8, ColumnsLabel);
        return svg.ToDocument(width, height, Title, ChartStyle.Common + Style);
    }

    private static string Shorten(string text, int length) =>
        text.Length <= length ? text : text[..Math.Max(1, length - 1)] + "…";
}
