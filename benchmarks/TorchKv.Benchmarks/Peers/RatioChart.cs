using System.Globalization;
using System.Security;
using System.Text;

namespace TorchKv.Benchmarks.Peers;

/// <summary>
/// Ratios to other programs as SVG, readable on a light and on a dark page: bars that begin at 1 (to the right: ours is faster) on a
/// logarithmic axis, since one of the others is twenty times slower and another a tenth; a diamond where the wanted ratio is.
/// </summary>
internal static class RatioChart
{
    private const int Left = 330;
    private const int Width = 900;
    private const int Right = 110;
    private const int Top = 74;
    private const int RowHeight = 26;
    private const int GroupGap = 30;

    public static string Draw(string title, IReadOnlyList<PeerRow> rows)
    {
        var groups = rows.Where(row => row.BesidePeer && double.IsFinite(row.Ratio)).GroupBy(row => row.OtherName.Split(' ', ',')[0]).ToList();
        var shown = groups.SelectMany(group => group).ToList();
        double least = Math.Min(0.8, Least(shown) / 1.1), most = Math.Max(2, Most(shown) * 1.1);
        double X(double ratio) => Left + (Math.Log(ratio / least) / Math.Log(most / least) * (Width - Left - Right));
        var height = Top + (shown.Count * RowHeight) + (groups.Count * GroupGap) + 12;
        var svg = new StringBuilder();
        void Line(FormattableString text) => svg.Append(text.ToString(CultureInfo.InvariantCulture)).Append('\n');
        Line($"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Width}\" height=\"{height}\" viewBox=\"0 0 {Width} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"13\">");
        Line($"<style>text{{fill:#57606a}}.s{{font-weight:600}}.f{{fill:#2f81f7}}.n{{fill:#d29922}}.g{{stroke:#8b949e;stroke-opacity:.35}}.o{{stroke:#57606a;stroke-width:1.5}}.w{{fill:#1f2328;stroke:#fff}}@media(prefers-color-scheme:dark){{text{{fill:#adbac7}}.o{{stroke:#adbac7}}.w{{fill:#f0f6fc;stroke:#0d1117}}}}</style>");
        Line($"<text class=\"s\" x=\"12\" y=\"24\" font-size=\"15\">{SecurityElement.Escape(title)}</text>");
        Line($"<path class=\"w\" d=\"{Diamond(17, 44)}\"/><text x=\"28\" y=\"49\" font-size=\"12\">wanted at least · bars to the right of 1: ours is faster · tokens/s of ours and of the other beside each bar</text>");
        foreach (var tick in new[] { 0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64 }.Where(tick => tick >= least && tick <= most))
        {
            Line($"<line class=\"{(tick == 1 ? "o" : "g")}\" x1=\"{X(tick):0.#}\" x2=\"{X(tick):0.#}\" y1=\"{Top}\" y2=\"{height - 10}\"/><text x=\"{X(tick):0.#}\" y=\"{Top - 6}\" font-size=\"11\" text-anchor=\"middle\">{tick:0.##}</text>");
        }

        double y = Top;
        foreach (var group in groups)
        {
            Line($"<text class=\"s\" x=\"12\" y=\"{y + 20}\">beside {SecurityElement.Escape(group.Key)}</text>");
            y += GroupGap;
            foreach (var row in group)
            {
                var precision = row.OtherName.StartsWith("llama", StringComparison.Ordinal) ? $" ({row.OtherName.Split(' ')[^1]})" : row.OtherName.Contains(',') ? row.OtherName[row.OtherName.IndexOf(',')..] : "";
                double from = X(Math.Min(1, row.Ratio)), to = X(Math.Max(1, row.Ratio));
                Line($"<text x=\"{Left - 12}\" y=\"{y + 15}\" text-anchor=\"end\">{SecurityElement.Escape(row.Work + precision)}</text>");
                Line($"<rect class=\"{(row.Ratio >= 1 ? "f" : "n")}\" x=\"{from:0.#}\" y=\"{y + 3}\" width=\"{Math.Max(1, to - from):0.#}\" height=\"{RowHeight - 10}\"/>");
                if (row.Aims.FirstOrDefault(aim => aim.Of.Length == 0 && aim.Bound > 1) is { } aim)
                {
                    Line($"<path class=\"w\" d=\"{Diamond(X(aim.Bound), y + 11)}\"/>");
                    to = Math.Max(to, X(aim.Bound) + 5);
                }

                Line($"<text x=\"{to + 6:0.#}\" y=\"{y + 15}\"><tspan class=\"s\">{row.Ratio:0.00}</tspan><tspan font-size=\"11\" dx=\"6\">{row.Ours:0} : {row.Other:0}</tspan></text>");
                y += RowHeight;
            }
        }

        Line($"</svg>");
        return svg.ToString();
    }

    private static double Least(List<PeerRow> rows) => rows.Count == 0 ? 1 : rows.Min(row => row.Ratio);

    private static double Most(List<PeerRow> rows) => rows.Count == 0 ? 1 : rows.Max(row => row.Ratio);

    private static string Diamond(double x, double y) => string.Create(CultureInfo.InvariantCulture, $"M{x - 5:0.#} {y:0.#}l5 -5l5 5l-5 5z");
}
