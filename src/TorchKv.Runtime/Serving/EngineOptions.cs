using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving.Sessions;

namespace TorchKv.Runtime.Serving;

/// <summary>How an engine runs. Immutable.</summary>
public sealed record EngineOptions
{
    /// <summary>How steps are filled.</summary>
    public SchedulingOptions Scheduling { get; init; } = new();

    /// <summary>
    /// What session files are checked by. Null: a model that <see cref="Engine.LoadAsync"/> loaded is known by the hash of its files;
    /// another engine cannot save sessions.
    /// </summary>
    public ModelIdentity? ModelIdentity { get; init; }

    /// <summary>What deadlines are measured by, and how long steps take, which decides how many guesses are tried.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
