namespace TorchKv.Benchmarks.Batch;

/// <summary>A batch with an empty engine, and what is done to its processes.</summary>
internal sealed record ProofOptions
{
    public required int Jobs { get; init; }

    public int Workers { get; init; } = 3;

    /// <summary>Jobs that a worker runs at once.</summary>
    public int Concurrency { get; init; } = 32;

    public TimeSpan JobTime { get; init; }

    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>How often all of PostgreSQL is killed, and started again.</summary>
    public int DatabaseKills { get; init; }

    /// <summary>How often a worker is killed, and another started in its place.</summary>
    public int WorkerKills { get; init; }

    /// <summary>How often a worker is stopped until its lease is over, and then goes on.</summary>
    public int WorkerStops { get; init; }

    /// <summary>Jobs that end the process that runs them; a worker that ended is replaced.</summary>
    public int Poison { get; init; }

    public int Seed { get; init; }

    /// <summary>The longest that all of it may take.</summary>
    public TimeSpan Limit { get; init; } = TimeSpan.FromMinutes(5);
}
