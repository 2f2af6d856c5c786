namespace TorchKv.Plotting;

/// <summary>One line of a chart.</summary>
/// <param name="Name">Its name in the legend.</param>
/// <param name="Points">Its points in order of x; a point that is not finite breaks the line.</param>
internal sealed record ChartSeries(string Name, IReadOnlyList<(double X, double Y)> Points);
