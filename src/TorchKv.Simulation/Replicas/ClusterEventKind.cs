namespace TorchKv.Simulation.Replicas;

/// <summary>Kinds of <see cref="ClusterEvent"/>.</summary>
internal enum ClusterEventKind
{
    /// <summary>A conversation begins.</summary>
    Begin,

    /// <summary>A user goes on with a conversation.</summary>
    Turn,

    /// <summary>Every router probes every replica.</summary>
    Probe,

    /// <summary>A replica dies and is started again.</summary>
    Kill,

    /// <summary>A replica is ready: it was started, or started again.</summary>
    Ready,
}
