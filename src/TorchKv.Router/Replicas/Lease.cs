using TorchKv.Cluster.Routing;

namespace TorchKv.Router.Replicas;

/// <summary>A request's place at a replica.</summary>
/// <param name="Replica">The replica.</param>
/// <param name="Status">What it was when it was chosen.</param>
/// <param name="Request">The request as the policy counts it.</param>
/// <param name="Choice">What the policy expects of it.</param>
internal sealed record Lease(
    Replica Replica, Server.Internal.ReplicaStatus Status, RoutedRequest Request, RouteChoice Choice);
