using TorchKv.PortChecking.Findings;
using static TorchKv.PortChecking.Text.Figures;

namespace TorchKv.PortChecking.Report.Words;

/// <summary>The words for a <see cref="WeightFinding"/>.</summary>
internal static class WeightText
{
    public static string Of(WeightFinding finding) => finding switch
    {
        WeightFinding.OtherParameter of => $"other weights: {of.Parameter} has norm {Say(of.Original.Norm)} and sum "
            + $"{Say(of.Original.Sum)} in the original, {Say(of.Port.Norm)} and {Say(of.Port.Sum)} in the port",
        WeightFinding.NothingAlike of => Of(of),
        _ => throw new NotSupportedException($"{finding.GetType().Name} has no words."),
    };

    private static string Of(WeightFinding.NothingAlike of)
    {
        var figures = $"everything differs ({of.Share:P0} of the numbers, correlation {Say(of.Correlation)})";
        return of.Cause switch
        {
            NothingAlikeCause.HeadsAndPositions => $"{figures} although the weights are the same: "
                + "heads and positions are transposed where they are split or joined",
            NothingAlikeCause.WeightsOrHeads => $"unclear: {figures}: other weights, or heads and positions "
                + "transposed where they are split or joined "
                + "(a trace by tools/trace.py, which has the weights' norms, would tell)",
            _ => $"{figures} although what goes in is right: other weights",
        };
    }
}
