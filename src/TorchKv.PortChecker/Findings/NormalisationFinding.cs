
namespace TorchKv.PortChecking.Findings;

/// <summary>A LayerNorm with other statistics, another input, or other parameters.</summary>
internal abstract record NormalisationFinding : Finding
{
    public override ResemblanceKind Kind => ResemblanceKind.Normalisation;

    /// <summary>The variance is divided by n − 1, while <paramref name="Right"/> divides by n.</summary>
    public sealed record UnbiasedVariance(Side Right) : NormalisationFinding;

    /// <summary>The mean is not subtracted, while <paramref name="Right"/> subtracts it.</summary>
    public sealed record WithoutMean(Side Right) : NormalisationFinding;

    /// <summary>Another output, or sum of two, is normalised.</summary>
    /// <param name="Right">The side that normalises <paramref name="Input"/>.</param>
    /// <param name="Input">One module's name, or two joined by a plus.</param>
    /// <param name="Other">What the other side normalises, in the same form.</param>
    public sealed record OtherInput(Side Right, string Input, string Other) : NormalisationFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Residual;
    }

    /// <summary>One side normalises first + second, the other first + factor · second.</summary>
    public sealed record OtherMixture(Side Right, string First, string Second, double Factor) : NormalisationFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Residual;
    }

    /// <summary>Another epsilon is added to the variance.</summary>
    /// <param name="Right">The side with <paramref name="Epsilon"/>.</param>
    /// <param name="Epsilon">That side's epsilon.</param>
    /// <param name="Other">The other side's.</param>
    /// <param name="Least">The smallest factor by which a row differs.</param>
    /// <param name="Most">The largest factor by which a row differs.</param>
    public sealed record OtherEpsilon(Side Right, double Epsilon, double Other, double Least, double Most)
        : NormalisationFinding;

    /// <summary>Each row is multiplied by a factor of its own.</summary>
    public sealed record RowsScaled(double Least, double Most) : NormalisationFinding;

    /// <summary>One side does not apply the weight and the bias.</summary>
    public sealed record WithoutParameters(Side Side) : NormalisationFinding;

    /// <summary>The weight or the bias is another.</summary>
    public sealed record OtherParameters : NormalisationFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Weights;
    }
}
