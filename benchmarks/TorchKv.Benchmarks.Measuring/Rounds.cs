namespace TorchKv.Benchmarks.Measuring;

/// <summary>
/// Figures of several participants, one a round each. A ratio is taken within a round, whose minutes both have shared.
/// </summary>
internal sealed class Rounds
{
    private readonly Dictionary<string, List<double>> _figures = [];

    public void Add(string name, double figure)
    {
        if (!_figures.TryGetValue(name, out var figures))
        {
            _figures[name] = figures = [];
        }

        figures.Add(figure);
    }

    /// <summary>NaN of a name that took no part.</summary>
    public double Median(string name) => Statistics.Median(_figures.GetValueOrDefault(name) ?? []);

    /// <summary>The median of the rounds' ratios; NaN where one of both took no part.</summary>
    public double Ratio(string name, string other) =>
        _figures.TryGetValue(name, out var ours) && _figures.TryGetValue(other, out var theirs)
            ? Statistics.Median(ours.Zip(theirs, (a, b) => a / b))
            : double.NaN;
}
