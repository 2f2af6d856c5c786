namespace TorchKv.PortChecking.Report;

/// <summary>A port differs from its original.</summary>
public sealed class PortMismatchException : Exception
{
    internal PortMismatchException(PortCheckReport report)
        : base(report.ToString()) => Report = report;

    /// <summary>What was found.</summary>
    public PortCheckReport Report { get; }
}
