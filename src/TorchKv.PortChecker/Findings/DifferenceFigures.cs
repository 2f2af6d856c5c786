namespace TorchKv.PortChecking.Findings;

/// <summary>The size of a difference.</summary>
/// <param name="Share">The share of numbers beyond the bound.</param>
/// <param name="Correlation">The correlation of both sides.</param>
/// <param name="RelativeError">Root mean square of the difference divided by the original's.</param>
internal sealed record DifferenceFigures(double Share, double Correlation, double RelativeError);
