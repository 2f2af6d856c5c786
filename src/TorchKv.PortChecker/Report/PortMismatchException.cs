namespace TorchKv.PortChecking.Report;

/// <summary>A port differs from its original. The message is the whole report.</summary>
public sealed class PortMismatchException : Exception
{
    internal PortMismatchException(PortCheckReport report)
        : base(report.ToString()) => Report = report;

    /// <summary>The report.</summary>
    public PortCheckReport Report { get; }
}
