namespace TorchKv.Runtime.Speculation;

/// <summary>
/// How often drafts of each kind are accepted in one text: a prior to begin with, then what the text shows, the latest
/// most.
/// </summary>
internal sealed class AcceptanceRates
{
    /// <summary>The prior weighs as much as this many drafts.</summary>
    private const double PriorWeight = 4;

    /// <summary>What an earlier draft counts for, relative to the one after it.</summary>
    private const double Decay = 0.96;

    private readonly double[] _priors;
    private readonly double[] _accepted;
    private readonly double[] _seen;

    /// <param name="priors">For each kind, the share that is accepted in most texts.</param>
    public AcceptanceRates(double[] priors)
    {
        _priors = priors;
        _accepted = new double[priors.Length];
        _seen = new double[priors.Length];
    }

    /// <summary>The probability that a draft of this kind is accepted.</summary>
    public double Of(int kind) => ((_priors[kind] * PriorWeight) + _accepted[kind]) / (PriorWeight + _seen[kind]);

    /// <summary>Counts one draft.</summary>
    public void Record(int kind, bool accepted)
    {
        _accepted[kind] = (_accepted[kind] * Decay) + (accepted ? 1 : 0);
        _seen[kind] = (_seen[kind] * Decay) + 1;
    }
}
