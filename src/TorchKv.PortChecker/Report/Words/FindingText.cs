using TorchKv.PortChecking.Findings;

namespace TorchKv.PortChecking.Report.Words;

/// <summary>Turns findings into sentences, without the first capital and the full stop.</summary>
internal static class FindingText
{
    /// <summary>The finding and its circumstances in words.</summary>
    public static string Of(Explanation explanation)
    {
        var text = Of(explanation.Finding);
        if (explanation.OnlyAfterTheFirstStep)
        {
            var cache = text.Contains("cache", StringComparison.Ordinal) ? "" : " (a cache)";
            text += "; only at steps after the first" + cache;
        }

        return explanation.OwnForwardOf is { } module
            ? $"{text}; its parts are right, so it is in {module}'s own forward"
            : text;
    }

    /// <summary>How a side is called in a sentence.</summary>
    public static string Name(this Side side) => side == Side.Port ? "the port" : "the original";

    private static string Of(Finding finding) => finding switch
    {
        TraceFinding of => TraceText.Of(of),
        ShapeFinding of => ShapeText.Of(of),
        ValueFinding of => ValueText.Of(of),
        FactorFinding of => FactorText.Of(of),
        FunctionFinding of => FunctionText.Of(of),
        ResidualFinding of => ResidualText.Of(of),
        NormalisationFinding of => NormalisationText.Of(of),
        AttentionFinding of => AttentionText.Of(of),
        LayoutFinding of => LayoutText.Of(of),
        PatternFinding of => PatternText.Of(of),
        WeightFinding of => WeightText.Of(of),
        _ => throw new NotSupportedException($"{finding.GetType().Name} has no words."),
    };
}
