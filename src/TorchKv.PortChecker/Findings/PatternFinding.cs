
namespace TorchKv.PortChecking.Findings;

/// <summary>Where the wrong numbers stand, or how large the difference is.</summary>
internal abstract record PatternFinding : Finding
{
    /// <summary>
    /// Only some batch rows are wrong, and <paramref name="Right"/> masks or counts positions in another way.
    /// </summary>
    public sealed record SomeBatchRows(Side Right, int[] Rows) : PatternFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Mask;
    }

    /// <summary>Position 0 is right, and all later ones are off.</summary>
    /// <param name="Close">Whether the outputs still correlate.</param>
    public sealed record AllButTheFirstPosition(bool Close) : PatternFinding
    {
        public override ResemblanceKind Kind => Close ? ResemblanceKind.ConstantFactor : ResemblanceKind.Mask;
    }

    /// <summary>The last position is right, and all earlier ones are wrong.</summary>
    public sealed record AllButTheLastPosition : PatternFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Mask;
    }

    /// <summary>All positions from one on are wrong.</summary>
    public sealed record PositionsFrom(int First) : PatternFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Mask;
    }

    /// <summary>An embedding table was asked for other rows.</summary>
    public sealed record OtherTableRows : PatternFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Positions;
    }

    /// <summary>Only some heads are wrong.</summary>
    public sealed record SomeHeads(int[] Heads) : PatternFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Heads;
    }

    /// <summary>Only some columns are wrong.</summary>
    /// <param name="Wrong">The wrong columns.</param>
    /// <param name="Columns">The number of columns.</param>
    /// <param name="Few">Whether they are few enough to be called outliers.</param>
    public sealed record SomeColumns(int[] Wrong, int Columns, bool Few) : PatternFinding
    {
        public override ResemblanceKind Kind => Few ? ResemblanceKind.Outliers : ResemblanceKind.Unclear;
    }

    /// <summary>A few numbers are wrong.</summary>
    public sealed record FewNumbers(int Count, int Total) : PatternFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Outliers;
    }

    /// <summary>A small error without a pattern.</summary>
    /// <param name="RelativeError">Root mean square of the difference divided by the original's.</param>
    /// <param name="Where">Where the rounding happens.</param>
    /// <param name="RightBefore">A matrix product before this module that is right; null where there is none.</param>
    public sealed record SmallError(double RelativeError, RoundingPlace Where, string? RightBefore) : PatternFinding
    {
        public override ResemblanceKind Kind =>
            Where == RoundingPlace.ThisModule ? ResemblanceKind.Approximation : ResemblanceKind.Rounding;
    }

    /// <summary>No hypothesis explains the difference.</summary>
    /// <param name="Figures">The size of the difference.</param>
    /// <param name="Guess">What the circumstances suggest.</param>
    /// <param name="RightWeights">With a guess of cached values: the attention weights that are right.</param>
    public sealed record Unexplained(DifferenceFigures Figures, UnexplainedGuess Guess, string? RightWeights)
        : PatternFinding
    {
        public override ResemblanceKind Kind => Guess switch
        {
            UnexplainedGuess.Cache or UnexplainedGuess.CachedValues => ResemblanceKind.Cache,
            UnexplainedGuess.HeadsAndPositions => ResemblanceKind.Heads,
            UnexplainedGuess.Weights => ResemblanceKind.Weights,
            _ => ResemblanceKind.Unclear,
        };
    }
}
