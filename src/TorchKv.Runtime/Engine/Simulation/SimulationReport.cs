namespace TorchKv.Runtime;

/// <summary>
/// LatencyDistribution in seconds and what share of them lies below which. Equal ones in a row take one place, so that memory grows with
/// the steps and not with the tokens: those of one step mostly waited equally long.
/// </summary>
public sealed class LatencyDistribution
{
    private readonly List<(double Seconds, long Count)> _runs = [];
    private bool _sorted;

    internal LatencyDistribution()
    {
    }

    /// <summary>How many there are.</summary>
    public long Count { get; private set; }

    internal void Add(double seconds)
    {
        Count++;
        if (!_sorted && _runs.Count > 0 && _runs[^1].Seconds == seconds)
        {
            _runs[^1] = (seconds, _runs[^1].Count + 1);
            return;
        }

        _runs.Add((seconds, 1));
        _sorted = false;
    }

    /// <summary>The least value that a share of the values does not exceed; 0 of none.</summary>
    /// <param name="share">From 0 to 1.</param>
    public double Percentile(double share)
    {
        if (!_sorted)
        {
            _runs.Sort((a, b) => a.Seconds.CompareTo(b.Seconds));
            _sorted = true;
        }

        var rank = Math.Clamp((long)Math.Ceiling(share * Count), 1, Math.Max(1, Count));
        foreach (var (seconds, count) in _runs)
        {
            rank -= count;
            if (rank <= 0)
            {
                return seconds;
            }
        }

        return 0;
    }
}

/// <summary>How things stood at one moment of a simulation.</summary>
/// <param name="Time">Virtual seconds.</param>
/// <param name="Queued">Requests that wait.</param>
/// <param name="Running">Sequences that run.</param>
/// <param name="HeldBlocks">Blocks that are held.</param>
public readonly record struct SimulationMoment(double Time, int Queued, int Running, int HeldBlocks);

/// <summary>What came of a simulation: a row of the table, and a line of the plot.</summary>
public sealed record SimulationReport
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

    /// <summary>What reserving each request's whole length in one piece would leave unused, on the same schedule.</summary>
    public required double ContiguousUnusedShare { get; init; }

    /// <summary>Real (not virtual) microseconds that the scheduler took for a step, mean.</summary>
    public required double SchedulerMicroseconds { get; init; }

    /// <summary>At most 1,000 moments, evenly chosen among the steps.</summary>
    public required IReadOnlyList<SimulationMoment> Moments { get; init; }

    /// <summary>Generated tokens in a virtual second.</summary>
    public double TokensPerSecond => Duration > 0 ? GeneratedTokens / Duration : 0;
}
