namespace TorchKv.Simulation;

/// <summary>What came of a simulation: a row of the table, and a line of the plot.</summary>
internal sealed record SimulationReport
{
    /// <summary>Requests that ended.</summary>
    public required int Completed { get; init; }

    /// <summary>Requests that the full queue refused, or that no pool of this size could ever serve.</summary>
    public required int Refused { get; init; }

    /// <summary>Virtual seconds from the start to the last token.</summary>
    public required double Duration { get; init; }

    /// <summary>Tokens generated.</summary>
    public required long GeneratedTokens { get; init; }

    /// <summary>From arrival to first token.</summary>
    public required LatencyDistribution TimeToFirstToken { get; init; }

    /// <summary>Between two tokens of a request.</summary>
    public required LatencyDistribution InterTokenLatency { get; init; }

    /// <summary>From arrival to last token.</summary>
    public required LatencyDistribution EndToEnd { get; init; }

    /// <summary>Steps.</summary>
    public required long Steps { get; init; }

    /// <summary>Preemptions.</summary>
    public required long Preemptions { get; init; }

    /// <summary>Share of prompt tokens that were found in the prefix cache.</summary>
    public required double PrefixHitShare { get; init; }

    /// <summary>Mean share of the room in held blocks that no token was in.</summary>
    public required double UnusedShare { get; init; }

    /// <summary>
    /// What reserving each request's whole length in one piece would leave unused, on the same schedule.
    /// </summary>
    public required double ContiguousUnusedShare { get; init; }

    /// <summary>Real (not virtual) microseconds that the scheduler took for a step, mean.</summary>
    public required double SchedulerMicroseconds { get; init; }

    /// <summary>At most 1,000 moments, evenly chosen among the steps.</summary>
    public required IReadOnlyList<SimulationMoment> Moments { get; init; }

    /// <summary>Generated tokens in a virtual second.</summary>
    public double TokensPerSecond => Duration > 0 ? GeneratedTokens / Duration : 0;
}
