using TorchKv.PortChecking.Comparison;
using TorchKv.PortChecking.Diagnosis;
using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Mapping;
using TorchKv.PortChecking.Report;
using TorchKv.PortChecking.Report.Words;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking;

/// <summary>
/// Compares the outputs of a port with those of its original, module by module in the order of execution. The report
/// names the first module that differs and says what the difference looks like.
/// </summary>
public static partial class PortChecker
{
    /// <summary>Compares two traces.</summary>
    /// <param name="original">The trace of the original.</param>
    /// <param name="port">The trace of the port, run on the same ids.</param>
    /// <param name="options">Bounds and names; null for the defaults.</param>
    /// <exception cref="TraceException">A trace cannot be compared.</exception>
    public static PortCheckReport Compare(RecordedTrace original, RecordedTrace port, PortCheckOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(original);
        ArgumentNullException.ThrowIfNull(port);
        options ??= PortCheckOptions.Default;
        var names = options.Mapping is { } mapping
            ? NameMatch.Given(mapping, original, port)
            : NameMatch.Find(original, port);
        var comparison = TraceComparison.Of(original, port, names, options.Bound);
        var same = comparison.First is null && comparison.Errors.Any(error => error.Within);
        return new PortCheckReport
        {
            Same = same,
            First = comparison.First is { } index ? comparison.Errors[index].Key : null,
            Explanation = comparison.First is { } first ? Culprit.Explain(comparison, first)
                : same ? null
                : new Explanation(new TraceFinding.NothingInCommon()),
            Modules = comparison.Errors,
            Extra = [.. comparison.Pairing.Extra.Select(key => key.ToString())],
            Notes = NoteText.Of(comparison),
            ProposedMapping = names.Proposal,
        };
    }
}
