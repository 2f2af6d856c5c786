namespace TorchKv.Simulation.Replicas;

/// <summary>A replica in virtual time, moved on from event to event by one clock for all.</summary>
internal interface IReplicaModel
{
    /// <summary>When something happens next if no request comes; infinity while it is idle.</summary>
    double NextEvent { get; }

    /// <summary>Requests that run or wait.</summary>
    int RequestCount { get; }

    /// <summary>Takes a request.</summary>
    void Add(ClusterRequest request, double now);

    /// <summary>Moves on to the next event.</summary>
    void Advance(IReplicaEvents events);

    /// <summary>Ends the process: requests and cache are lost.</summary>
    /// <param name="now">When.</param>
    /// <param name="lost">Receives the requests, in the order in which they came.</param>
    void Kill(double now, List<ClusterRequest> lost);
}
