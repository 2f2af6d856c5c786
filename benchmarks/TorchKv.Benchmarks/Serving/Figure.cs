using System.Globalization;

namespace TorchKv.Benchmarks.Serving;

/// <summary>A figure of the engine's.</summary>
/// <param name="What">What was measured.</param>
/// <param name="Value">The figure.</param>
/// <param name="Wanted">What is wanted of it: ≥, ≤ or &lt;, a space, the limit; empty: nothing.</param>
/// <param name="Detail">Where it comes from.</param>
internal sealed record Figure(string What, double Value, string Wanted, string Detail)
{
    /// <summary>Whether more is better; what nothing is wanted of counts as such.</summary>
    public bool MoreIsBetter => Wanted is "" or ['≥', ..];

    /// <summary>The limit; 1 where nothing is wanted: as good as without.</summary>
    public double Limit => Wanted == "" ? 1 : double.Parse(Wanted[2..], CultureInfo.InvariantCulture);

    /// <summary>How many times as good as wanted.</summary>
    public double Margin => MoreIsBetter ? Value / Limit : Limit / Value;

    /// <summary>The figure in three digits or so.</summary>
    public string Shown =>
        Value.ToString(
            Math.Abs(Value) >= 100 ? "0" : Math.Abs(Value) >= 10 ? "0.0" : Math.Abs(Value) >= 1 ? "0.00" : "0.000",
            CultureInfo.InvariantCulture);

    public bool IsMet => Wanted == "" || (MoreIsBetter ? Value >= Limit : Value <= Limit);
}
