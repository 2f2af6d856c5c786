namespace TorchKv.Server.Metrics;

/// <summary>Counts values by size. Any number of threads may add; none waits for another.</summary>
/// <param name="bounds">Upper bounds of the buckets, ascending; a last bucket takes the rest.</param>
internal sealed class Histogram(params double[] bounds)
{
    private readonly long[] _counts = new long[bounds.Length + 1];
    private double _sum;

    public IReadOnlyList<double> Bounds => bounds;

    public double Sum => Volatile.Read(ref _sum);

    /// <summary>Values in a bucket alone, the last one's index being the number of bounds.</summary>
    public long CountOf(int bucket) => Volatile.Read(ref _counts[bucket]);

    public void Observe(double value)
    {
        var bucket = Array.BinarySearch(bounds, value);
        Interlocked.Increment(ref _counts[bucket < 0 ? ~bucket : bucket]);
        var seen = Volatile.Read(ref _sum);
        while (true)
        {
            var now = Interlocked.CompareExchange(ref _sum, seen + value, seen);
            if (now.Equals(seen))
            {
                return;
            }

            seen = now;
        }
    }
}
