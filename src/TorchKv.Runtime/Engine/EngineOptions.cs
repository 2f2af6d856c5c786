namespace TorchKv.Runtime;

/// <summary>How an engine runs. Immutable.</summary>
public sealed record EngineOptions
{
    /// <summary>How steps are filled.</summary>
    public SchedulingOptions Scheduling { get; init; } = new();

    /// <summary>What deadlines are measured by.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
