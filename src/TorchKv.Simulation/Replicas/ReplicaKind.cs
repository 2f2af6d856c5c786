namespace TorchKv.Simulation.Replicas;

/// <summary>How a replica is simulated.</summary>
internal enum ReplicaKind
{
    /// <summary>
    /// The engine's own scheduler, pool and prefix index, step by step. For up to about 1,000 replicas.
    /// </summary>
    Scheduler,

    /// <summary>
    /// A cache of the blocks used last, and steps that are taken as a continuous flow. For 10,000 replicas and more.
    /// </summary>
    Flow,

    /// <summary>
    /// One request at a time, first come first served, each for a time of exponential distribution with mean 1 s: the
    /// queue that theory knows everything about.
    /// </summary>
    Queue,
}
