namespace TorchKv.Benchmarks.Serving;

/// <summary>A figure of the engine's.</summary>
/// <param name="What">What was measured.</param>
/// <param name="Value">The figure.</param>
/// <param name="Wanted">What is wanted of it, with ≥, ≤ or &lt; before the limit; empty: nothing.</param>
/// <param name="Detail">Where it comes from.</param>
internal sealed record Figure(string What, double Value, string Wanted, string Detail);
