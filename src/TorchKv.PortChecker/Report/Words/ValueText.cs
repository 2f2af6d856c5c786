using TorchKv.PortChecking.Findings;
using static TorchKv.PortChecking.Text.Figures;

namespace TorchKv.PortChecking.Report.Words;

/// <summary>The words for a <see cref="ValueFinding"/>.</summary>
internal static class ValueText
{
    public static string Of(ValueFinding finding) => finding switch
    {
        ValueFinding.NotANumber of => Of(of),
        ValueFinding.OnlyZeros { Side: Side.Port } =>
            "the port gives zeros only: a buffer that was never filled, or a module that was skipped",
        ValueFinding.OnlyZeros of => $"{of.Side.Name()} gives zeros only, and {of.Side.Other().Name()} does not",
        ValueFinding.DropoutOn of => $"dropout is on in {of.Side.Name()}: {of.Share:P0} of the numbers are zero and "
            + $"the others are multiplied by {Say(of.Factor)} = 1/(1 − {Say(of.Probability)}); "
            + "call eval() before the run",
        ValueFinding.OutputOf of => $"the output of {of.Module}" + Of(of.Role),
        ValueFinding.NarrowType of => $"mere rounding of another dtype: every number of {of.Side.Name()} "
            + $"fits {of.Type} (relative error {Say(of.RelativeError)})",
        _ => throw new NotSupportedException($"{finding.GetType().Name} has no words."),
    };

    private static string Of(ValueFinding.NotANumber of)
    {
        var batchRows = of.BatchRows.Length > 0 ? $", batch rows {Ranges(of.BatchRows)})" : ")";
        return $"{(of.Infinite ? "infinity" : "NaN")} in {of.Bad.Name()} where {of.Bad.Other().Name()} has numbers, "
            + $"in {of.Rows} of {of.AllRows} rows (positions {Ranges(of.Positions)}{batchRows}: {Of(of.Cause)}";
    }

    private static string Of(NotANumberCause cause) => cause switch
    {
        NotANumberCause.Float16Overflow =>
            "float16 ends at 65504: an overflow, or a mask constant that it cannot hold",
        NotANumberCause.Overflow => "an overflow or a division by zero",
        NotANumberCause.Parameter => "a parameter of this module has NaN or infinity there",
        NotANumberCause.MaskedRows => "whole rows: a softmax over keys that are all masked (0/0), as for padding; "
            + "such rows should give zeros",
        _ => "0/0, ∞ − ∞ or a number that was NaN already (memory that was never written)",
    };

    private static string Of(OtherModuleRole role) => role switch
    {
        OtherModuleRole.Parallel => ": the two are swapped, or have each other's weights",
        OtherModuleRole.Inside =>
            " inside it, without what is added to that: a residual connection (shortcut) is missing",
        OtherModuleRole.Before => ", which comes before: this module is skipped, or does nothing",
        _ => ": modules are swapped",
    };
}
