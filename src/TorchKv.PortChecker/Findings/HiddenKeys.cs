namespace TorchKv.PortChecking.Findings;

/// <summary>Keys that one side sees and the other does not.</summary>
/// <param name="Positions">The keys' positions.</param>
/// <param name="Distances">How many positions before the query the keys are.</param>
/// <param name="BatchRows">The batch rows in which this happens; null where it happens in all.</param>
internal sealed record HiddenKeys(int[] Positions, int[] Distances, int[]? BatchRows);
