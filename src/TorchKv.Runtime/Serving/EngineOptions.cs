using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving.Sessions;

namespace TorchKv.Runtime.Serving;

/// <summary>Options of an engine. Immutable.</summary>
public sealed record EngineOptions
{
    /// <summary>Limits of a step, and the order in which requests run.</summary>
    public SchedulingOptions Scheduling { get; init; } = new();

    /// <summary>
    /// Identifies the model; session files are checked by it. Null: a model that <c>Engine.LoadAsync</c> loaded is
    /// identified by the hash of its files; another engine cannot save sessions.
    /// </summary>
    public ModelIdentity? ModelIdentity { get; init; }

    /// <summary>Measures deadlines, and the time of steps, which decides how many drafts are verified.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
