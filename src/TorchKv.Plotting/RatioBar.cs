namespace TorchKv.Plotting;

/// <summary>One ratio.</summary>
/// <param name="Label">What was measured.</param>
/// <param name="Ratio">How many times as good; not a number: no bar.</param>
/// <param name="Text">The figure that stands at the bar's end.</param>
internal sealed record RatioBar(string Label, double Ratio, string Text)
{
    /// <summary>A smaller text after the figure.</summary>
    public string Detail { get; init; } = "";

    /// <summary>What the bar's colour says.</summary>
    public BarTone Tone { get; init; }

    /// <summary>The ratio that is wanted, which a diamond marks; null: none.</summary>
    public double? Wanted { get; init; }
}
