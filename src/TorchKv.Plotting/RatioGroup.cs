namespace TorchKv.Plotting;

/// <summary>Ratios under one heading.</summary>
/// <param name="Heading">What they have in common; empty: no heading.</param>
/// <param name="Bars">The ratios, from top to bottom.</param>
internal sealed record RatioGroup(string Heading, IReadOnlyList<RatioBar> Bars);
