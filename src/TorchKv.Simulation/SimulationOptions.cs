using TorchKv.Runtime.Scheduling;

namespace TorchKv.Simulation;

/// <summary>What is simulated. Immutable.</summary>
internal sealed record SimulationOptions
{
    /// <summary>The policy.</summary>
    public SchedulingOptions Scheduling { get; init; } = new();

    /// <summary>Blocks in the pool.</summary>
    public int BlockCount { get; init; } = 4096;

    /// <summary>Tokens in a block.</summary>
    public int BlockSize { get; init; } = 16;

    /// <summary>What a step costs.</summary>
    public StepCost Cost { get; init; } = new();
}
