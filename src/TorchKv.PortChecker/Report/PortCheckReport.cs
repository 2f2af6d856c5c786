using TorchKv.PortChecking.Comparison;
using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Mapping;

namespace TorchKv.PortChecking.Report;

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
