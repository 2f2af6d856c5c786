namespace TorchKv.Simulation;

/// <summary>
/// Latencies in seconds, and below which value a share of them lies. Equal latencies in a row take one entry, so that
/// memory grows with the steps and not with the tokens: most tokens of a step have waited equally long.
/// </summary>
internal sealed class LatencyDistribution
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

    /// <summary>Adds all values of another one.</summary>
    internal void Add(LatencyDistribution other)
    {
        _runs.AddRange(other._runs);
        Count += other.Count;
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
