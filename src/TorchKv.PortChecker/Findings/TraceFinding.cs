namespace TorchKv.PortChecking.Findings;

/// <summary>The traces do not show the same run.</summary>
internal abstract record TraceFinding : Finding
{
    /// <summary>The traces have no module name in common.</summary>
    public sealed record NothingInCommon : TraceFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Missing;
    }

    /// <summary>The port lacks the module, and no later module of the step was compared.</summary>
    public sealed record NoSuchModule : TraceFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Missing;
    }

    /// <summary>The two models were given different token ids.</summary>
    /// <param name="Step">The first step in which they differ.</param>
    /// <param name="Port">The port's ids, (rows, tokens).</param>
    /// <param name="Original">The original's ids, (rows, tokens).</param>
    public sealed record OtherIds(int Step, long[][] Port, long[][] Original) : TraceFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Inputs;
    }
}
