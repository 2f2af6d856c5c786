using TorchKv.PortChecking.Findings;
using static TorchKv.PortChecking.Text.Figures;

namespace TorchKv.PortChecking.Report.Words;

/// <summary>The words for a <see cref="ResidualFinding"/>.</summary>
internal static class ResidualText
{
    public static string Of(ResidualFinding finding) => finding switch
    {
        ResidualFinding.Missing of => $"{of.Side.Name()} lacks {of.Module}: "
            + "a residual connection (shortcut) around what follows it is missing",
        ResidualFinding.Doubled of => $"{of.Side.Name()} adds {of.Module} once more than {of.Side.Other().Name()}: "
            + "a residual connection (shortcut) too many, or another one",
        ResidualFinding.Scaled of => $"{Say(of.Factor)} times {of.Module} is added: "
            + "a residual connection (shortcut) with another factor",
        ResidualFinding.SumScaled of => $"{Say(of.Factor)} times ({of.First} + {of.Second}) is added: "
            + "a residual connection (shortcut) that is missing, doubled or has another factor",
        ResidualFinding.TakenFromElsewhere of => $"{of.Side.Name()} adds {of.Module} where "
            + $"{of.Side.Other().Name()} adds {of.Instead}: "
            + "the residual connection (shortcut) is taken from elsewhere",
        _ => throw new NotSupportedException($"{finding.GetType().Name} has no words."),
    };
}
