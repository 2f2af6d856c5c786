using System.Globalization;
using TorchKv.Plotting;

namespace TorchKv.Benchmarks.Peers;

/// <summary>
/// Rows beside other programs as bars: how many times as fast the CPU runner is, a group for each program.
/// </summary>
internal static class PeerChart
{
    /// <summary>The chart as an SVG text.</summary>
    public static string Draw(string title, IReadOnlyList<PeerRow> rows) =>
        new RatioChart(
            title,
            "Bars to the right of 1: ours is faster; then tokens/s of ours and the other; a diamond: wanted at least",
            [.. rows.Where(row => row.BesidePeer && double.IsFinite(row.Ratio))
                .GroupBy(row => row.OtherName.Split(' ', ',')[0])
                .Select(group => new RatioGroup("beside " + group.Key, [.. group.Select(BarOf)]))]).ToSvg();

    private static RatioBar BarOf(PeerRow row) => new(
        row.Work + Precision(row.OtherName), row.Ratio, row.Ratio.ToString("0.00", CultureInfo.InvariantCulture))
    {
        Detail = $"{row.Ours:0} : {row.Other:0}",
        Tone = row.Ratio >= 1 ? BarTone.Good : BarTone.Poor,
        Wanted = row.Aims.FirstOrDefault(aim => aim.Of.Length == 0 && aim.Bound > 1)?.Bound,
    };

    private static string Precision(string other) =>
        other.StartsWith("llama", StringComparison.Ordinal) ? $" ({other.Split(' ')[^1]})"
        : other.Contains(',') ? other[other.IndexOf(',')..]
        : "";
}
