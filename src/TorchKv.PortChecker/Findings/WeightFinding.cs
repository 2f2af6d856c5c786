
namespace TorchKv.PortChecking.Findings;

/// <summary>The module has other weights, or seems to.</summary>
internal abstract record WeightFinding : Finding
{
    /// <summary>A parameter has another norm or sum.</summary>
    /// <param name="Parameter">The parameter's name within the module.</param>
    /// <param name="Original">The original's sum and Euclidean norm.</param>
    /// <param name="Port">The port's sum and Euclidean norm.</param>
    public sealed record OtherParameter(
        string Parameter, (double Sum, double Norm) Original, (double Sum, double Norm) Port) : WeightFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Weights;
    }

    /// <summary>The outputs have nothing in common.</summary>
    /// <param name="Share">The share of numbers beyond the bound.</param>
    /// <param name="Correlation">The correlation of both sides.</param>
    /// <param name="Cause">What remains as the cause.</param>
    public sealed record NothingAlike(double Share, double Correlation, NothingAlikeCause Cause) : WeightFinding
    {
        public override ResemblanceKind Kind => Cause switch
        {
            NothingAlikeCause.HeadsAndPositions => ResemblanceKind.Heads,
            NothingAlikeCause.Weights => ResemblanceKind.Weights,
            _ => ResemblanceKind.Unclear,
        };
    }
}
