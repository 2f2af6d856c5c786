namespace TorchKv.Runtime.Speculation;

/// <summary>How often guesses of each kind hold in one text: what is usual to begin with, then what the text shows, the latest most.</summary>
internal sealed class HoldRates
{
    /// <summary>What is usual weighs as much as this many guesses.</summary>
    private const double PriorWeight = 4;

    private const double Fading = 0.96;

    private readonly double[] _usual;
    private readonly double[] _held;
    private readonly double[] _seen;

    /// <param name="usual">For each kind, the share that holds in most texts.</param>
    public HoldRates(double[] usual)
    {
        _usual = usual;
        _held = new double[usual.Length];
        _seen = new double[usual.Length];
    }

    /// <summary>The probability that a guess of this kind holds.</summary>
    public double Of(int kind) => ((_usual[kind] * PriorWeight) + _held[kind]) / (PriorWeight + _seen[kind]);

    public void Note(int kind, bool held)
    {
        _held[kind] = (_held[kind] * Fading) + (held ? 1 : 0);
        _seen[kind] = (_seen[kind] * Fading) + 1;
    }
}
