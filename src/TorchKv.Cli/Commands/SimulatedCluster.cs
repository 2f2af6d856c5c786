using TorchKv.Simulation.Replicas;

namespace TorchKv.Cli.Commands;

/// <summary>A cluster to simulate: a row of the table, and a line of the plot.</summary>
/// <param name="Name">Its routing policy, for a person.</param>
/// <param name="Options">What it is.</param>
internal sealed record SimulatedCluster(string Name, ClusterOptions Options);
