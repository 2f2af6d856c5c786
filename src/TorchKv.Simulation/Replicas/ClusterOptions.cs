using TorchKv.Cluster.Routing;

namespace TorchKv.Simulation.Replicas;

/// <summary>A cluster to simulate, and what happens to it. Immutable.</summary>
internal sealed record ClusterOptions
{
    /// <summary>Replicas.</summary>
    public int Replicas { get; init; } = 8;

    /// <summary>How each is simulated.</summary>
    public ReplicaKind Kind { get; init; } = ReplicaKind.Scheduler;

    /// <summary>Scheduling, pool and costs of a replica. By default those of GPT-2 (124M) on two cores.</summary>
    public SimulationOptions Engine { get; init; } = new()
    {
        Cost = new StepCost { PerStep = 7e-3, PerToken = 450e-6, PerAttendedToken = 1e-6 },
    };

    /// <summary>How a router chooses.</summary>
    public RouterKind Policy { get; init; } = RouterKind.Prefix;

    /// <summary>Weights and bounds of the choice.</summary>
    public RoutingOptions Routing { get; init; } = new();

    /// <summary>Routers in front of the replicas.</summary>
    public int Routers { get; init; } = 1;

    /// <summary>
    /// Whether all turns of a conversation come to the same router, as an edge that hashes a header of the conversation
    /// sends them; else each turn comes to one at random.
    /// </summary>
    public bool IsSticky { get; init; } = true;

    /// <summary>
    /// Seconds from one probe of a replica to the next; 0: routers see every change at once. What a router gave a
    /// replica itself it knows in any case.
    /// </summary>
    public double ProbeSeconds { get; init; } = 0.1;

    /// <summary>What is asked.</summary>
    public ChatOptions Chats { get; init; } = new();

    /// <summary>Seed of everything that is left to chance.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Seconds after which each replica is replaced, one after the other; 0: never.</summary>
    public double ReplaceSeconds { get; init; }

    /// <summary>Seconds that a replica which died takes to come back, with an empty cache.</summary>
    public double RestartSeconds { get; init; } = 5;

    /// <summary>When a share of the replicas dies at once; null: never.</summary>
    public (double Second, double Share)? RackLoss { get; init; }

    /// <summary>When a share of the replicas joins that was not there before; null: all are there at once.</summary>
    public (double Second, double Share)? Join { get; init; }

    /// <summary>Which share of the replicas is how many times slower than the others; null: none.</summary>
    public (double Share, double Factor)? Slow { get; init; }
}
