namespace TorchKv.Runtime.Scheduling;

/// <summary>What the scheduler does with a request.</summary>
internal enum RequestState
{
    /// <summary>The scheduler does not have it yet.</summary>
    New,

    /// <summary>It waits to be admitted, for the first time or after a preemption.</summary>
    Waiting,

    /// <summary>It takes part in steps.</summary>
    Running,

    /// <summary>It has ended.</summary>
    Finished,
}
