namespace TorchKv.PortChecking.Findings;

/// <summary>What a probe found, as data. The report turns it into a sentence.</summary>
internal abstract record Finding
{
    /// <summary>The kind of difference.</summary>
    public abstract ResemblanceKind Kind { get; }
}
