using TorchKv.PortChecking.Comparison;
using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Mapping;
using TorchKv.PortChecking.Report.Words;

namespace TorchKv.PortChecking.Report;

/// <summary>The result of a comparison.</summary>
public sealed record PortCheckReport
{
    /// <summary>Whether all outputs of the port are within their bounds.</summary>
    public required bool Same { get; init; }

    /// <summary>The key of the first output, in the order of execution, that is wrong; null where none is.</summary>
    public string? First { get; init; }

    /// <summary>What the difference at <see cref="First"/> looks like, in words; null where there is none.</summary>
    public string? LooksLike => Explanation is null ? null : FindingText.Of(Explanation);

    /// <summary>The kind of the difference at <see cref="First"/>; null where there is none.</summary>
    public ResemblanceKind? Kind => Explanation?.Finding.Kind;

    /// <summary>The errors of all outputs of the original, in the order of execution.</summary>
    public required IReadOnlyList<ModuleError> Modules { get; init; }

    /// <summary>The keys of the port that have no counterpart in the original.</summary>
    public required IReadOnlyList<string> Extra { get; init; }

    /// <summary>
    /// Remarks, such as modules that could not be compared, steps that were not run, dropout that is on.
    /// </summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>
    /// A mapping that shapes and order suggest, where names did not match; null where none is needed.
    /// </summary>
    public ModuleMapping? ProposedMapping { get; init; }

    internal Explanation? Explanation { get; init; }

    /// <summary>Throws if the port differs, with the whole report as the message.</summary>
    /// <exception cref="PortMismatchException">The port differs.</exception>
    public PortCheckReport AssertSame() => Same ? this : throw new PortMismatchException(this);

    /// <summary>The outputs around the first wrong one; the first outputs where none is wrong.</summary>
    /// <param name="around">How many outputs before it, and how many after it.</param>
    public IReadOnlyList<ModuleError> Neighbourhood(int around = 5)
    {
        var first = Math.Max(0, Modules.ToList().FindIndex(module => module.Key == First));
        return [.. Modules.Skip(first - around).Take(Math.Min(first, around) + around + 1)];
    }

    /// <summary>
    /// A heat map as SVG: a row for each module in the order of execution, a column for each step, and error ÷ bound as
    /// colour.
    /// </summary>
    public string ToSvg() => ErrorHeatMap.Draw(this);

    /// <summary>The report in words: the first difference, what it looks like, its neighbourhood, notes.</summary>
    public override string ToString() => ReportText.Write(this);
}
