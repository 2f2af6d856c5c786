namespace TorchKv.PortChecking.Findings;

/// <summary>The output is multiplied by something, or something is added to it.</summary>
internal abstract record FactorFinding : Finding
{
    /// <summary>All numbers are multiplied by one factor.</summary>
    /// <param name="Side">The side whose numbers are the factor times the other's.</param>
    /// <param name="Value">The factor.</param>
    /// <param name="Meanings">What the factor may stand for.</param>
    public sealed record Factor(Side Side, double Value, FactorMeaning[] Meanings) : FactorFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.ConstantFactor;
    }

    /// <summary>One number is added to all numbers.</summary>
    public sealed record ConstantAdded(double Value) : FactorFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Bias;
    }

    /// <summary>One vector is added to all rows.</summary>
    /// <param name="Rms">The vector's root mean square.</param>
    public sealed record VectorAdded(double Rms) : FactorFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Bias;
    }
}
