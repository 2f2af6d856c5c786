namespace TorchKv.Runtime.Speculation;

/// <summary>
/// The tokens that the next step is expected to give and the time that it is expected to take, as drafts are added to
/// it. Drafts are worthwhile as long as expected tokens per second do not fall.
/// </summary>
internal sealed class StepForecast
{
    /// <summary>
    /// How much more a step with drafts must promise than one without: the best of many rough estimates is mostly too
    /// good (winner's curse).
    /// </summary>
    private const double Margin = 1.03;

    private readonly StepTimes _times;
    private double _extra;
    private int _decodes;

    // Of drafts that exist but were not added to the step yet.
    private double _promised;
    private int _promisedRows;

    public StepForecast(StepTimes times) => _times = times;

    /// <summary>Whether any step has been measured.</summary>
    public bool IsKnown => _times.IsKnown;

    /// <summary>Tokens that the step computes.</summary>
    public int Computed { get; private set; }

    /// <summary>Tokens that the step is expected to give.</summary>
    public double Gained { get; private set; }

    /// <summary>Expected tokens in the time unit of <see cref="StepTimes"/>.</summary>
    public double Rate => Gained / Seconds(0);

    /// <summary>Begins with a step of plain decodes.</summary>
    public void Begin(int decodes)
    {
        Computed = decodes;
        Gained = decodes;
        _extra = 0;
        _decodes = decodes;
        ForgetPromises();
    }

    /// <summary>Reckons with a draft that is not part of the step yet.</summary>
    /// <param name="probability">That it and all before it are accepted.</param>
    public void Promise(double probability)
    {
        _promised += probability;
        _promisedRows++;
    }

    /// <summary>Reckons only with drafts that are part of the step.</summary>
    public void ForgetPromises()
    {
        _promised = 0;
        _promisedRows = 0;
    }

    /// <summary>Whether another draft is expected to raise tokens per second.</summary>
    /// <param name="probability">That it and all before it are accepted.</param>
    /// <param name="seconds">The time it takes to draft it.</param>
    public bool IsWorthwhile(double probability, double seconds)
    {
        // A kernel computes tokens in tiles, and the first of a tile costs most: its cost is spread over the tile.
        const int Tile = 6;
        var verifying = (_times.Of(Computed + _promisedRows + Tile) - _times.Of(Computed + _promisedRows)) / Tile;
        var rate = Math.Max(_decodes / _times.Of(_decodes), (Gained + _promised) / Seconds(_promisedRows));
        return probability > rate * Margin * (verifying + seconds);
    }

    /// <summary>Counts time that was spent on drafting.</summary>
    public void Spend(double seconds) => _extra += seconds;

    /// <summary>Seconds that the step is expected to take with this many tokens more.</summary>
    public double Seconds(int more) => _times.Of(Computed + more) + _extra;

    /// <summary>Adds those of a sequence's drafts to the step that are worth verifying.</summary>
    /// <param name="chain">For each draft the probability that it and all before it are accepted.</param>
    /// <returns>How many of them, from the first.</returns>
    public int AddWorthwhile(ReadOnlySpan<double> chain)
    {
        if (chain.IsEmpty)
        {
            return 0;
        }

        var (best, bestGain, bestRate) = (0, 0.0, Rate * Margin);
        var gain = 0.0;
        for (var i = 0; i < chain.Length; i++)
        {
            gain += chain[i];
            var rate = (Gained + gain) / Seconds(i + 1);
            if (rate > bestRate)
            {
                (best, bestGain, bestRate) = (i + 1, gain, rate);
            }
        }

        Computed += best;
        Gained += bestGain;
        return best;
    }
}
