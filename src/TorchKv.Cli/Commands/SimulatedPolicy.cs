using TorchKv.Runtime.Scheduling;

namespace TorchKv.Cli.Commands;

/// <summary>A named scheduling policy.</summary>
/// <param name="Name">For a person.</param>
/// <param name="Scheduling">What it is.</param>
internal sealed record SimulatedPolicy(string Name, SchedulingOptions Scheduling);
