namespace TorchKv.Plotting;

/// <summary>An entry of a heat map's legend.</summary>
/// <param name="Color">A colour.</param>
/// <param name="Text">What it stands for.</param>
internal readonly record struct HeatMapKey(string Color, string Text);
