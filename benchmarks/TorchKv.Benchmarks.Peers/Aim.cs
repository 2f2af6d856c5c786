using System.Globalization;

namespace TorchKv.Benchmarks.Peers;

/// <summary>What is wanted of a figure.</summary>
/// <param name="Of">Which figure of the row, where it is not the ratio.</param>
/// <param name="Value">The figure; NaN where it could not be measured.</param>
/// <param name="AtLeast">Whether it must be at least, or at most, <paramref name="Bound"/>.</param>
/// <param name="Bound">The bound.</param>
/// <param name="Unit">The bound's unit.</param>
internal sealed record Aim(string Of, double Value, bool AtLeast, double Bound, string Unit = "")
{
    public static Aim Ratio(double value, double bound) => new("", value, true, bound);

    public static Aim RatioAtMost(double value, double bound) => new("", value, false, bound);

    public static Aim Share(double value, double bound) => new("limit", value, true, bound);

    /// <summary>Null where the figure is not there.</summary>
    public bool? Holds => double.IsNaN(Value) ? null : AtLeast ? Value >= Bound : Value <= Bound;

    public string Text => $"{Of} {(AtLeast ? '≥' : '≤')} {Bound.ToString(CultureInfo.InvariantCulture)} {Unit}".Trim();
}
