namespace TorchKv.Cluster.Routing;

/// <summary>What the policy knows of one replica.</summary>
internal sealed class ReplicaRecord(string name, ulong nameHash)
{
    /// <summary>Its name; every router calls it the same.</summary>
    public string Name { get; } = name;

    /// <summary>What stands for its name in the rendezvous hash.</summary>
    public ulong NameHash { get; } = nameHash;

    /// <summary>Which life of it; another one after every restart.</summary>
    public long Epoch { get; set; }

    /// <summary>Whether it takes requests.</summary>
    public ReplicaState State { get; set; } = ReplicaState.Down;

    /// <summary>Requests that this router gave it and that have not ended.</summary>
    public int Requests { get; set; }

    /// <summary>Prompt tokens of these that it is thought to have still to compute.</summary>
    public long PrefillTokens { get; set; }

    /// <summary>Requests of others that it had when it was last asked.</summary>
    public int OtherRequests { get; set; }

    /// <summary>Its place among those that are ready; −1: it is not.</summary>
    public int ReadyPlace { get; set; } = -1;
}
