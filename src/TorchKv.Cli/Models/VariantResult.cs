namespace TorchKv.Cli.Models;

/// <summary>The measurements of one kind of cache.</summary>
/// <param name="Cache">The cache's kind; <c>paged</c> is the CPU runner's.</param>
/// <param name="Ids">The prompt's ids and the new ones.</param>
/// <param name="TokenTimes">Time of each new token, in order; the first includes the prompt.</param>
/// <param name="CacheBytes">Bytes of the cache at the end.</param>
internal sealed record VariantResult(
    string Cache, IReadOnlyList<int> Ids, IReadOnlyList<TimeSpan> TokenTimes, long CacheBytes)
{
    // A fifth of the tokens, twenty at most: enough to be steady, few enough to be early or late.
    private int Part => Math.Clamp((TokenTimes.Count - 1) / 5, 1, 20);

    public double TokensPerSecond => TokenTimes.Count / TokenTimes.Sum(time => time.TotalSeconds);

    public double FirstTokenMs => TokenTimes[0].TotalMilliseconds;

    /// <summary>Median time of the first tokens after the prompt's.</summary>
    public double EarlyMsPerToken => Median(Decoded.Take(Part));

    /// <summary>Median time of the last tokens.</summary>
    public double LateMsPerToken => Median(Decoded.TakeLast(Part));

    /// <summary>
    /// The time of each token in milliseconds, with its position. Each time is the median of the tokens around it, so
    /// that a pause of the machine makes no spike.
    /// </summary>
    public IReadOnlyList<(double Position, double Ms)> Curve(int neighbours = 4)
    {
        var prompt = Ids.Count - TokenTimes.Count;
        var points = new List<(double, double)>();
        for (var i = 1; i < TokenTimes.Count; i++)
        {
            var from = Math.Max(1, i - neighbours);
            var to = Math.Min(TokenTimes.Count - 1, i + neighbours);
            points.Add((prompt + i, Median(TokenTimes.Skip(from).Take(to - from + 1))));
        }

        return points;
    }

    private IEnumerable<TimeSpan> Decoded => TokenTimes.Count > 1 ? TokenTimes.Skip(1) : TokenTimes;

    private static double Median(IEnumerable<TimeSpan> times)
    {
        var sorted = times.Select(time => time.TotalMilliseconds).Order().ToList();
        return sorted.Count % 2 == 1
            ? sorted[sorted.Count / 2]
            : (sorted[(sorted.Count / 2) - 1] + sorted[sorted.Count / 2]) / 2;
    }
}
