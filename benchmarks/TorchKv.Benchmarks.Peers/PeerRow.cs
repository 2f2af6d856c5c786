namespace TorchKv.Benchmarks.Peers;

/// <summary>One measured line: ours, what it is held against, and what is wanted.</summary>
/// <param name="Work">What was done.</param>
/// <param name="Unit">The unit of both figures.</param>
/// <param name="Ours">Our figure.</param>
internal sealed record PeerRow(string Work, string Unit, double Ours)
{
    /// <summary>The figure that ours is held against; NaN: none.</summary>
    public double Other { get; init; } = double.NaN;

    /// <summary>Whose figure that is.</summary>
    public string OtherName { get; init; } = "";

    /// <summary>Whether the other is another program, whose ratios belong into the picture.</summary>
    public bool BesidePeer { get; init; }

    /// <summary>How often ours is faster, or ours ÷ the other: the median of the rounds' own ratios.</summary>
    public double Ratio { get; init; } = double.NaN;

    /// <summary>What ours comes to in <see cref="RateUnit"/>.</summary>
    public double Rate { get; init; } = double.NaN;

    /// <summary>GB/s, GFLOP/s or GOP/s.</summary>
    public string RateUnit { get; init; } = "";

    /// <summary>The machine's limit in <see cref="RateUnit"/>, measured in turn with ours.</summary>
    public double Limit { get; init; } = double.NaN;

    /// <summary>Share of the limit, in the steps that were taken in turn with it.</summary>
    public double LimitShare { get; init; } = double.NaN;

    /// <summary>What is wanted.</summary>
    public IReadOnlyList<Aim> Aims { get; init; } = [];

    /// <summary>
    /// Whether all that is wanted holds; null where nothing is wanted, or something was not measured and the rest
    /// holds.
    /// </summary>
    public bool? Holds =>
        Aims.Any(aim => aim.Holds == false) ? false
        : Aims.Count == 0 || Aims.Any(aim => aim.Holds is null) ? null
        : true;
}
