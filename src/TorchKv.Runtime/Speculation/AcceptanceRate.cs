namespace TorchKv.Runtime.Speculation;

/// <summary>
/// How often drafts are accepted in one text: what the text has shown, the latest most, beside what is usual.
/// </summary>
/// <param name="usual">The share that is accepted in most texts.</param>
internal sealed class AcceptanceRate(double usual)
{
    /// <summary>
    /// What is usual counts as much as this many drafts of the text: enough that one draft does not decide, few enough
    /// that a handful do.
    /// </summary>
    private const double UsualWeight = 4;

    /// <summary>
    /// What a draft counts for after another one, so that the last two dozen matter. Texts change from prose to lists
    /// and back within some dozens of tokens.
    /// </summary>
    private const double Decay = 0.96;

    private double _accepted;
    private double _seen;

    /// <summary>The probability that a draft is accepted if all before it are.</summary>
    public double Value => ((usual * UsualWeight) + _accepted) / (UsualWeight + _seen);

    /// <summary>Counts one draft.</summary>
    public void Record(bool accepted)
    {
        _accepted = (_accepted * Decay) + (accepted ? 1 : 0);
        _seen = (_seen * Decay) + 1;
    }

    /// <summary>
    /// Counts a step without a draft. What was seen fades, so that a source that was given up is tried again.
    /// </summary>
    public void Fade()
    {
        _accepted *= Decay;
        _seen *= Decay;
    }
}
