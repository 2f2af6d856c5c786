namespace TorchKv.PortChecking.Findings;

/// <summary>
/// The difference is an earlier output: a residual connection (shortcut) is missing, doubled or another one.
/// </summary>
internal abstract record ResidualFinding : Finding
{
    public override ResemblanceKind Kind => ResemblanceKind.Residual;

    /// <summary>One side does not add a module's output.</summary>
    public sealed record Missing(Side Side, string Module) : ResidualFinding;

    /// <summary>One side adds a module's output once more than the other.</summary>
    public sealed record Doubled(Side Side, string Module) : ResidualFinding;

    /// <summary>A module's output is added with another factor.</summary>
    public sealed record Scaled(double Factor, string Module) : ResidualFinding;

    /// <summary>The sum of two modules' outputs is added with another factor.</summary>
    public sealed record SumScaled(double Factor, string First, string Second) : ResidualFinding;

    /// <summary>
    /// One side adds <paramref name="Module"/>'s output where the other adds <paramref name="Instead"/>'s.
    /// </summary>
    public sealed record TakenFromElsewhere(Side Side, string Module, string Instead) : ResidualFinding;
}
