namespace TorchKv.Cluster.Routing;

/// <summary>A request that a replica was given and has not finished; made and ended by the policy.</summary>
internal sealed class RoutedRequest
{
    internal RoutedRequest(int replica, long epoch, int prefillTokens)
    {
        Replica = replica;
        Epoch = epoch;
        PrefillTokens = prefillTokens;
    }

    /// <summary>The number of the replica.</summary>
    public int Replica { get; }

    /// <summary>Which life of the replica: a restart ends what came before it.</summary>
    internal long Epoch { get; }

    /// <summary>Prompt tokens that the replica is thought to have still to compute.</summary>
    public int PrefillTokens { get; internal set; }

    /// <summary>Whether it has ended.</summary>
    public bool HasEnded { get; internal set; }
}
