using TorchKv.PortChecking.Findings;
using static TorchKv.PortChecking.Text.Figures;

namespace TorchKv.PortChecking.Report.Words;

/// <summary>The words for a <see cref="FunctionFinding"/>.</summary>
internal static class FunctionText
{
    public static string Of(FunctionFinding finding) => finding switch
    {
        FunctionFinding.TwoGelus of => $"an approximation: {of.Side.Name()} has {of.Function}, "
            + $"{of.Side.Other().Name()} {of.Other} (erf against tanh and the like), at most {Say(of.Worst)} apart",
        FunctionFinding.NoFunction of => $"no activation in {of.Side.Name()}, which gives {of.Input} as it is; "
            + $"the other has {of.Other}",
        FunctionFinding.TwoFunctions of => $"another activation: {of.Side.Name()} has {of.Function} of {of.Input}, "
            + $"{of.Side.Other().Name()} {of.Other}",
        FunctionFinding.ExceptAFew of => $"a few outliers: {of.Count:N0} of {of.Total:N0} numbers differ, "
            + $"at most by {Say(of.Worst)}; elsewhere both have {of.Function} of {of.Input}, "
            + "so one of them approximates or clamps it",
        FunctionFinding.CloseFunction of => $"an approximation: {of.Side.Name()} has {of.Function} of {of.Input}, "
            + $"{of.Side.Other().Name()} another function close to it, at most {Say(of.Worst)} apart",
        FunctionFinding.UnknownFunction of => $"another activation: {of.Side.Name()} has {of.Function} of {of.Input}, "
            + $"{of.Side.Other().Name()} another function of it",
        _ => throw new NotSupportedException($"{finding.GetType().Name} has no words."),
    };
}
