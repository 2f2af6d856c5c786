using TorchKv.Cluster.Routing;

namespace TorchKv.Simulation.Replicas;

/// <summary>A queue with one server and service times of exponential distribution with mean 1 s.</summary>
internal sealed class QueueReplica(ulong seed) : IReplicaModel
{
    private readonly Queue<ClusterRequest> _requests = new();
    private SplitMix64 _random = new(seed);

    /// <inheritdoc/>
    public double NextEvent { get; private set; } = double.PositiveInfinity;

    /// <inheritdoc/>
    public int RequestCount => _requests.Count;

    /// <inheritdoc/>
    public void Add(ClusterRequest request, double now)
    {
        _requests.Enqueue(request);
        if (_requests.Count == 1)
        {
            NextEvent = now + ServiceTime();
        }
    }

    /// <inheritdoc/>
    public void Advance(IReplicaEvents events)
    {
        var (request, now) = (_requests.Dequeue(), NextEvent);
        NextEvent = _requests.Count > 0 ? now + ServiceTime() : double.PositiveInfinity;
        (request.CachedTokens, request.Emitted) = (0, request.NewTokens);
        events.FirstToken(request, now);
        events.Ended(request, now);
    }

    /// <inheritdoc/>
    public void Kill(double now, List<ClusterRequest> lost)
    {
        lost.AddRange(_requests);
        _requests.Clear();
        NextEvent = double.PositiveInfinity;
    }

    private double ServiceTime() => -Math.Log(1 - _random.NextDouble());
}
