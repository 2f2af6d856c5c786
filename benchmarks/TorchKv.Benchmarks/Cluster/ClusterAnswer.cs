namespace TorchKv.Benchmarks.Cluster;

/// <summary>A stream as its client saw it.</summary>
internal sealed record ClusterAnswer
{
    /// <summary>The texts of its events, one after the other.</summary>
    public required string Text { get; init; }

    /// <summary>The reason that it ended with; null: it has none.</summary>
    public string? FinishReason { get; init; }

    /// <summary>Tokens of prompt and answer as the usage counts them; null: there was none.</summary>
    public (int Prompt, int Completion)? Usage { get; init; }

    /// <summary>Whether the mark of the end came, and no error before it.</summary>
    public bool IsWhole { get; init; }

    /// <summary>What went wrong; null: nothing.</summary>
    public string? Error { get; init; }

    /// <summary>The replica that the answer's header names; null: none.</summary>
    public string? Replica { get; init; }

    /// <summary>Seconds until the first event with text.</summary>
    public double FirstSeconds { get; init; }

    /// <summary>The longest time between two events, in seconds.</summary>
    public double WorstGap { get; init; }

    /// <summary>When its events with text came, in ticks of the stopwatch.</summary>
    public IReadOnlyList<long> Arrivals { get; init; } = [];

    /// <summary>The median time between two events, in seconds; NaN of fewer than two.</summary>
    public double MedianGap { get; init; }

    /// <summary>When the last event came; 0: none did.</summary>
    public long EndedAt => Arrivals.Count == 0 ? 0 : Arrivals[^1];

    /// <summary>Events with text.</summary>
    public int Events => Arrivals.Count;

    /// <summary>How often the client came back.</summary>
    public int Returns { get; init; }

    /// <summary>The longest time between two events of which the second came after a moment, in seconds.</summary>
    public double GapAfter(long moment)
    {
        var worst = 0L;
        for (var i = 1; i < Arrivals.Count; i++)
        {
            worst = Arrivals[i] > moment ? Math.Max(worst, Arrivals[i] - Arrivals[i - 1]) : worst;
        }

        return (double)worst / System.Diagnostics.Stopwatch.Frequency;
    }

    /// <summary>Whether it is the answer that another is, to the byte.</summary>
    public bool Equals(ClusterAnswer? other, bool andUsage) => other is not null && IsWhole && other.IsWhole
        && Text == other.Text && FinishReason == other.FinishReason && (!andUsage || Usage == other.Usage);
}
