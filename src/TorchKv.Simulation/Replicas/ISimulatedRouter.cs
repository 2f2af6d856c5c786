namespace TorchKv.Simulation.Replicas;

/// <summary>A router with its own view of the replicas, which it gets from probes and from its own requests.</summary>
internal interface ISimulatedRouter
{
    /// <summary>Chooses a replica that is ready by its view; −1 where there is none.</summary>
    /// <param name="request">The request.</param>
    /// <param name="excluded">A replica that it must not choose; −1: none.</param>
    int Choose(ClusterRequest request, int excluded);

    /// <summary>A replica got a request; <see cref="Choose"/> was called for it just before.</summary>
    void Started(ClusterRequest request);

    /// <summary>A request's prompt is computed.</summary>
    void FirstToken(ClusterRequest request);

    /// <summary>A request ended, or its replica died.</summary>
    void Ended(ClusterRequest request, bool isComplete);

    /// <summary>A probe's answer came.</summary>
    void Probed(int replica, int requests);

    /// <summary>A replica is ready to take requests, or no longer is.</summary>
    void SetReady(int replica, bool isReady);

    /// <summary>A replica is a new process.</summary>
    void Restarted(int replica);
}
