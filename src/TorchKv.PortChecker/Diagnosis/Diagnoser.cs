using TorchKv.PortChecking.Findings;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>
/// Tries hypotheses about a mismatch, from the most to the least specific, and returns the first that holds.
/// </summary>
internal static class Diagnoser
{
    // A probe either explains nearly all of the difference (see Mismatch.Explains) or returns null. Probes for a
    // mistake that only one side can have are tried on both sides.
    private static readonly (Func<Mismatch, Finding?> Probe, bool BothSides)[] s_probes =
    [
        (ValueProbe.NotANumber, false),
        (ValueProbe.Zeros, false),
        (ValueProbe.Dropout, false),
        (ValueProbe.NarrowType, false),
        (FunctionProbe.Activation, true),
        (ValueProbe.Swapped, true),
        (FactorProbe.Factor, false),
        (AttentionProbe.Weights, true),
        (AttentionProbe.FirstKeyOnly, true),
        (RowProbe.Explain, true),
        (ResidualProbe.Explain, true),
        (ColumnProbe.Explain, false),
        (WeightProbe.Transposed, false),
        (NormalisationProbe.Explain, true),
        (FactorProbe.Bias, false),
        (PatternProbe.Positions, false),
        (PatternProbe.OtherTableRows, false),
        (WeightProbe.Explain, false),
    ];

    // Without an explanation, the place and the size of the difference are reported.
    private static readonly Func<Mismatch, Finding?>[] s_descriptions =
        [PatternProbe.Columns, PatternProbe.FewNumbers, PatternProbe.SmallError];

    /// <summary>Finds what the mismatch looks like.</summary>
    public static Explanation Explain(Mismatch mismatch)
    {
        mismatch.Measure();
        var finding = Find(mismatch);
        return new(finding, mismatch.OnlyAfterTheFirstStep && finding.Kind != ResemblanceKind.NotANumber);
    }

    private static Finding Find(Mismatch mismatch)
    {
        var mirror = mismatch.Mirror();
        foreach (var (probe, bothSides) in s_probes)
        {
            if ((probe(mismatch) ?? (bothSides ? probe(mirror) : null)) is { } finding)
            {
                return finding;
            }
        }

        foreach (var describe in s_descriptions)
        {
            if (describe(mismatch) is { } finding)
            {
                return finding;
            }
        }

        return PatternProbe.Unexplained(mismatch);
    }
}
