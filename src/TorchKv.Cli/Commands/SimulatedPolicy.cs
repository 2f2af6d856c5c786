using TorchKv.Runtime.Scheduling;

namespace TorchKv.Cli.Commands;

/// <summary>A way of filling steps, with a name.</summary>
/// <param name="Name">For a person.</param>
/// <param name="Scheduling">What it is.</param>
internal sealed record SimulatedPolicy(string Name, SchedulingOptions Scheduling);
