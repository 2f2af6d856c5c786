namespace TorchKv.Benchmarks.Peers;

/// <summary>Two kinds of measurement that were taken in turn.</summary>
/// <param name="First">The one: milliseconds of each.</param>
/// <param name="Second">The other: milliseconds of each, or a limit of the machine's in billions a second.</param>
internal sealed record Alternating(double[] First, double[] Second);
