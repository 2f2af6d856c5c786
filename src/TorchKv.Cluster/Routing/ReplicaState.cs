namespace TorchKv.Cluster.Routing;

/// <summary>Whether a replica is given requests.</summary>
internal enum ReplicaState
{
    /// <summary>It takes requests.</summary>
    Ready,

    /// <summary>It finishes what it has and takes no more.</summary>
    Draining,

    /// <summary>It does not answer.</summary>
    Down,
}
