namespace TorchKv.Benchmarks.Measuring;

/// <summary>
/// Passes of the read probe, taken in turn with something else, the ways to read in turn with each other.
/// </summary>
internal sealed class ReadSamples(MachinePeaks peaks)
{
    private readonly List<double>[] _byWay =
    [
        .. Enumerable.Range(0, MachinePeaks.ReadWays).Select(_ => new List<double>()),
    ];
    private int _taken;

    /// <summary>Takes one pass.</summary>
    public void Take()
    {
        var way = _taken++ % MachinePeaks.ReadWays;
        _byWay[way].Add(peaks.Read(way));
    }

    /// <summary>
    /// Bytes a second: the median of the way that has the highest one. A median, as what it is held against is one: the
    /// best pass of many would hold a typical step against a lucky moment.
    /// </summary>
    public double Limit => _byWay.Where(passes => passes.Count > 0).Max(Statistics.Median);

    /// <summary>Bytes a second of the best pass.</summary>
    public double Best => _byWay.SelectMany(passes => passes).Max();
}
