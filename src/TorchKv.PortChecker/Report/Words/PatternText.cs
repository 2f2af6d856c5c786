using TorchKv.PortChecking.Findings;
using static TorchKv.PortChecking.Text.Figures;

namespace TorchKv.PortChecking.Report.Words;

/// <summary>The words for a <see cref="PatternFinding"/>.</summary>
internal static class PatternText
{
    public static string Of(PatternFinding finding) => finding switch
    {
        PatternFinding.SomeBatchRows of => $"differs in batch rows {Ranges(of.Rows)} only: rows of another length, "
            + $"whose padding or positions are not masked or counted as in {of.Right.Name()} (mask)",
        PatternFinding.AllButTheFirstPosition { Close: true } =>
            "right at position 0, where there is one key only, and off at all later ones: "
            + "a constant factor on the attention scores (attention scale), or another softmax",
        PatternFinding.AllButTheFirstPosition =>
            "right at position 0, where there is one key only, and wrong at all later ones: "
            + "earlier keys are lost or out of place (mask), or the attention scores are",
        PatternFinding.AllButTheLastPosition =>
            "right at the last position, which sees every key anyway, and wrong at all before it: "
            + "later keys are visible in one of them (mask)",
        PatternFinding.PositionsFrom of => $"right up to position {of.First - 1} and wrong from {of.First} on: "
            + $"earlier keys are lost, as behind a window of {of.First} (mask or cache)",
        PatternFinding.OtherTableRows => "rows of the table at other indices, beyond the recorded ones (positions): "
            + "the table is right, since other rows agree",
        PatternFinding.SomeHeads of => $"only heads {Ranges(of.Heads)} differ, the other columns are right",
        PatternFinding.SomeColumns of => $"{(of.Few ? "a few outliers" : "unclear")}: "
            + $"only columns {Ranges(of.Wrong)} of {of.Columns} differ",
        PatternFinding.FewNumbers of => $"a few outliers: {of.Count:N0} of {of.Total:N0} numbers are beyond the bound "
            + $"({(double)of.Count / of.Total:P1}), as with an approximation or a clamp",
        PatternFinding.SmallError of => Of(of),
        PatternFinding.Unexplained of => Of(of),
        _ => throw new NotSupportedException($"{finding.GetType().Name} has no words."),
    };

    private static string Of(PatternFinding.SmallError of)
    {
        var error = Say(of.RelativeError);
        var type = of.RelativeError switch
        {
            < 6e-4 => "float16 or TF32 (10 bits of fraction)",
            < 4e-3 => "bfloat16 (7 bits of fraction)",
            _ => "8-bit integers",
        };
        return of.Where switch
        {
            RoundingPlace.Cache => $"mere rounding of another dtype, relative error {error}, as of {type}: "
                + "a cache that keeps keys or values in fewer bits",
            RoundingPlace.Everywhere => $"mere rounding of another dtype: the relative error is {error} everywhere, "
                + $"as of {type}, in the weights or in the arithmetic",
            _ => "an approximation, or rounding in this module alone: "
                + $"the relative error is {error} everywhere, without a pattern, "
                + $"and modules before it ({of.RightBefore}) are right",
        };
    }

    private static string Of(PatternFinding.Unexplained of)
    {
        var figures = $"{of.Figures.Share:P0} of the numbers differ, correlation {Say(of.Figures.Correlation)}, "
            + $"relative error {Say(of.Figures.RelativeError)}";
        return of.Guess switch
        {
            UnexplainedGuess.CachedValues => $"the attention weights ({of.RightWeights}) are right and what they are "
                + $"applied to is not: the cache holds or gives back other values than were put in ({figures})",
            UnexplainedGuess.Cache => $"what the cache holds or gives back differs ({figures})",
            UnexplainedGuess.HeadsAndPositions => "wrong with several tokens, position 0 included, and right with one: "
                + "heads and positions are transposed, as by a view or reshape without the transpose before it "
                + $"({figures})",
            UnexplainedGuess.Weights => "other weights: what goes in is right, and no other order, factor or rounding "
                + $"explains what comes out ({figures})",
            _ => $"unclear: {figures}",
        };
    }
}
