using TorchKv.PortChecking.Findings;
using static TorchKv.PortChecking.Text.Figures;

namespace TorchKv.PortChecking.Report.Words;

/// <summary>The words for a <see cref="NormalisationFinding"/>.</summary>
internal static class NormalisationText
{
    public static string Of(NormalisationFinding finding) => finding switch
    {
        NormalisationFinding.UnbiasedVariance of =>
            $"a normalisation with the unbiased variance (divided by n − 1): {of.Right.Name()} divides by n",
        NormalisationFinding.WithoutMean of => "a normalisation without subtracting the mean (RMSNorm) "
            + $"where {of.Right.Name()} subtracts it (LayerNorm)",
        NormalisationFinding.OtherInput of => $"it normalises {of.Other} where {of.Right.Name()} normalises "
            + $"{of.Input}: a residual connection (shortcut) is missing or taken from elsewhere",
        NormalisationFinding.OtherMixture of => $"it normalises {of.First} + {Say(of.Factor)} · {of.Second} where "
            + $"{of.Right.Name()} normalises {of.First} + {of.Second}: "
            + "a residual connection (shortcut) with another factor",
        NormalisationFinding.OtherEpsilon of => $"a normalisation with another epsilon: {Say(of.Other)} where "
            + $"{of.Right.Name()} has {Say(of.Epsilon)} ({Factors(of.Least, of.Most)})",
        NormalisationFinding.RowsScaled of => "a normalisation whose rows are scaled differently: "
            + $"the variance is another ({Factors(of.Least, of.Most)})",
        NormalisationFinding.WithoutParameters of =>
            $"the weight and bias (scale and shift) of the normalisation are not applied in {of.Side.Name()}",
        NormalisationFinding.OtherParameters =>
            "other weights: the normalisation is right, its weight or bias (scale or shift) is another",
        _ => throw new NotSupportedException($"{finding.GetType().Name} has no words."),
    };

    private static string Factors(double least, double most) =>
        $"factors {Say(least)} to {Say(most)}, one for each row";
}
