namespace TorchKv.Simulation.Replicas;

/// <summary>What a replica tells the cluster.</summary>
internal interface IReplicaEvents
{
    /// <summary>A request's prompt is computed, and its first token on this replica has come.</summary>
    void FirstToken(ClusterRequest request, double time);

    /// <summary>A request's last token has come.</summary>
    void Ended(ClusterRequest request, double time);
}
