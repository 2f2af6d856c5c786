using TorchKv.PortChecking.Diagnosis;

namespace TorchKv.PortChecking;

/// <summary>The error of one module in one step.</summary>
/// <param name="Key">The original's key.</param>
/// <param name="PortKey">The port's; null where the port has no such module.</param>
/// <param name="MaxAbs">Largest |port − original|; NaN where the shapes differ, or where one has a number and the other has none.</param>
/// <param name="MaxRel">Largest |port − original| ÷ max(|original|, the original's root mean square); NaN as before.</param>
/// <param name="Bound">Largest error allowed, as a multiple of |original| + root mean square.</param>
/// <param name="Within">Whether every number is within the bound.</param>
/// <param name="Shape">The original's shape.</param>
/// <param name="PortShape">The port's shape; null where it has no such module.</param>
public sealed record ModuleError(
    string Key, string? PortKey, double MaxAbs, double MaxRel, double Bound, bool Within, IReadOnlyList<int> Shape, IReadOnlyList<int>? PortShape);

/// <summary>What a comparison found.</summary>
public sealed record PortCheckReport
{
    /// <summary>Whether the port computes what the original computes.</summary>
    public required bool Same { get; init; }

    /// <summary>The key of the first module, in the order of execution, that is not within its bound; null where all are.</summary>
    public string? First { get; init; }

    /// <summary>What the difference there looks like, in words; null where there is none.</summary>
    public string? LooksLike => Resemblance?.Text;

    /// <summary>What kind of difference it is; null where there is none.</summary>
    public ResemblanceKind? Kind => Resemblance?.Kind;

    /// <summary>Every module of the original, in the order of execution.</summary>
    public required IReadOnlyList<ModuleError> Modules { get; init; }

    /// <summary>Keys of the port that the original does not have.</summary>
    public required IReadOnlyList<string> Extra { get; init; }

    /// <summary>What else is worth knowing: modules that could not be compared, steps that were not run, dropout that is on.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>A mapping that shapes and order suggest, where names did not match; null where none is needed.</summary>
    public ModuleMapping? ProposedMapping { get; init; }

    internal Resemblance? Resemblance { get; init; }

    /// <summary>Throws where the port differs, with the whole report as the message.</summary>
    /// <exception cref="PortMismatchException">The port differs.</exception>
    public PortCheckReport AssertSame() => Same ? this : throw new PortMismatchException(this);

    /// <summary>The modules around the first that differs, as many before it as after it; the first ones where none does.</summary>
    public IReadOnlyList<ModuleError> Neighbourhood(int around = 5)
    {
        var first = Math.Max(0, Modules.ToList().FindIndex(module => module.Key == First));
        return [.. Modules.Skip(first - around).Take(Math.Min(first, around) + around + 1)];
    }

    /// <summary>A heat map as SVG: a row for each module in the order of execution, a column for each step, error ÷ bound as colour.</summary>
    public string ToSvg() => ErrorHeatMap.Draw(this);

    /// <summary>The report in words: the first difference, what it looks like, its neighbourhood, notes.</summary>
    public override string ToString() => ReportText.Write(this);
}

/// <summary>A port differs from its original.</summary>
public sealed class PortMismatchException : Exception
{
    internal PortMismatchException(PortCheckReport report)
        : base(report.ToString()) => Report = report;

    /// <summary>What was found.</summary>
    public PortCheckReport Report { get; }
}
