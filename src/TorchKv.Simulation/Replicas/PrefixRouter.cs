using System.Globalization;
using TorchKv.Cluster.Routing;

namespace TorchKv.Simulation.Replicas;

/// <summary>The router's own policy.</summary>
internal sealed class PrefixRouter : ISimulatedRouter
{
    private readonly int _poolBlocks;
    private RouteChoice _choice;

    /// <summary>A router that knows every replica and takes none of them for ready.</summary>
    public PrefixRouter(RoutingOptions options, int replicas, int poolBlocks)
    {
        _poolBlocks = poolBlocks;
        Policy = new RoutingPolicy(options);
        for (var i = 0; i < replicas; i++)
        {
            Policy.Add(i.ToString(CultureInfo.InvariantCulture), poolBlocks);
        }
    }

    /// <summary>The policy.</summary>
    public RoutingPolicy Policy { get; }

    /// <inheritdoc/>
    public int Choose(ClusterRequest request, int excluded) =>
        Policy.TryChoose(request.Digests, request.Length, excluded < 0 ? [] : [excluded], out _choice)
            ? _choice.Replica
            : -1;

    /// <inheritdoc/>
    public void Started(ClusterRequest request) => request.Routed = Policy.Start(_choice, request.Digests);

    /// <inheritdoc/>
    public void FirstToken(ClusterRequest request) => Policy.FirstToken(request.Routed!);

    /// <inheritdoc/>
    public void Ended(ClusterRequest request, bool isComplete) =>
        Policy.End(request.Routed!, isComplete ? request.Digests : []);

    /// <inheritdoc/>
    public void Probed(int replica, int requests) => Policy.Probed(replica, requests);

    /// <inheritdoc/>
    public void SetReady(int replica, bool isReady) =>
        Policy.SetState(replica, isReady ? ReplicaState.Ready : ReplicaState.Down);

    /// <inheritdoc/>
    public void Restarted(int replica) => Policy.Restart(replica, _poolBlocks);
}
