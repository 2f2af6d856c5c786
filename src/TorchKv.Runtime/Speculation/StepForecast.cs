namespace TorchKv.Runtime.Speculation;

/// <summary>What the next step is expected to give and to cost, as guesses are added to it: they are worth it as long as tokens per second do not fall.</summary>
internal sealed class StepForecast
{
    /// <summary>How much more a guess must promise than a step without: of many rough estimates the best one looks better than it is.</summary>
    private const double Margin = 1.03;

    private readonly StepTimes _times;
    private double _extra;
    private int _decodes;

    // Of guesses that may still be taken.
    private double _promised;
    private int _promisedRows;

    public StepForecast(StepTimes times) => _times = times;

    /// <summary>Whether any step has been measured.</summary>
    public bool IsKnown => _times.IsKnown;

    /// <summary>Rows of tokens that the step computes.</summary>
    public int Computed { get; private set; }

    /// <summary>Tokens that are expected to come of it.</summary>
    public double Gained { get; private set; }

    /// <summary>Expected tokens in the time of <see cref="StepTimes"/>.</summary>
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

    /// <summary>Counts with a guess that is not taken yet.</summary>
    /// <param name="probability">That it and all before it hold.</param>
    public void Promise(double probability)
    {
        _promised += probability;
        _promisedRows++;
    }

    /// <summary>Counts only with what is taken.</summary>
    public void ForgetPromises()
    {
        _promised = 0;
        _promisedRows = 0;
    }

    /// <summary>Whether another guess is expected to raise tokens per second.</summary>
    /// <param name="probability">That it and all before it hold.</param>
    /// <param name="seconds">What it takes to guess.</param>
    public bool IsWorthwhile(double probability, double seconds)
    {
        // Over a whole tile, since the first of it costs most.
        const int Tile = 6;
        var verifying = (_times.Of(Computed + _promisedRows + Tile) - _times.Of(Computed + _promisedRows)) / Tile;
        var rate = Math.Max(_decodes / _times.Of(_decodes), (Gained + _promised) / Seconds(_promisedRows));
        return probability > rate * Margin * (verifying + seconds);
    }

    /// <summary>Time spent already, on guessing.</summary>
    public void Spend(double seconds) => _extra += seconds;

    /// <summary>Seconds of the step with so many tokens more.</summary>
    public double Seconds(int more) => _times.Of(Computed + more) + _extra;

    /// <summary>How many of a sequence's guesses are worth verifying; they are then part of the step.</summary>
    /// <param name="chain">For each guess the probability that it and all before it hold.</param>
    public int Take(ReadOnlySpan<double> chain)
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
