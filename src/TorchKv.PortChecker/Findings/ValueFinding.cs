namespace TorchKv.PortChecking.Findings;

/// <summary>A difference that single numbers show.</summary>
internal abstract record ValueFinding : Finding
{
    /// <summary>One side has NaN or infinity where the other has numbers.</summary>
    /// <param name="Bad">The side with more of them.</param>
    /// <param name="Infinite">Whether one of them is an infinity.</param>
    /// <param name="Rows">The number of rows with one.</param>
    /// <param name="AllRows">The number of rows.</param>
    /// <param name="Positions">The positions of those rows.</param>
    /// <param name="BatchRows">The batch rows of those rows; empty where all are in the first.</param>
    /// <param name="Cause">What may have caused it.</param>
    public sealed record NotANumber(
        Side Bad, bool Infinite, int Rows, int AllRows, int[] Positions, int[] BatchRows, NotANumberCause Cause)
        : ValueFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.NotANumber;
    }

    /// <summary>One side gives zeros only.</summary>
    public sealed record OnlyZeros(Side Side) : ValueFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Zeros;
    }

    /// <summary>Some numbers are zero and all others are multiplied by 1/(1 − p).</summary>
    /// <param name="Side">The side with the zeros.</param>
    /// <param name="Share">The share of zeros.</param>
    /// <param name="Factor">What the others are multiplied by.</param>
    /// <param name="Probability">The dropout probability p that gives this factor.</param>
    public sealed record DropoutOn(Side Side, double Share, double Factor, double Probability) : ValueFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Dropout;
    }

    /// <summary>The output is that of another module of the step.</summary>
    public sealed record OutputOf(string Module, OtherModuleRole Role) : ValueFinding
    {
        public override ResemblanceKind Kind =>
            Role == OtherModuleRole.Inside ? ResemblanceKind.Residual : ResemblanceKind.Swapped;
    }

    /// <summary>All numbers of one side fit a narrower type.</summary>
    /// <param name="Side">The side whose numbers fit.</param>
    /// <param name="Type">The narrower type's name.</param>
    /// <param name="RelativeError">Root mean square of the difference divided by the original's.</param>
    public sealed record NarrowType(Side Side, string Type, double RelativeError) : ValueFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Rounding;
    }
}
