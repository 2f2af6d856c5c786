namespace TorchKv.Simulation;

/// <summary>
/// What a step costs in virtual time: a pass over the weights, and something for each token and for what it attends to.
/// </summary>
internal sealed record StepCost
{
    /// <summary>Seconds of a step whatever is in it: the weights are read once.</summary>
    public double PerStep { get; init; } = 2e-3;

    /// <summary>Seconds for each token computed.</summary>
    public double PerToken { get; init; } = 1e-6;

    /// <summary>Seconds for each token of each row's past: its keys and values are read.</summary>
    public double PerAttendedToken { get; init; } = 2e-9;
}
