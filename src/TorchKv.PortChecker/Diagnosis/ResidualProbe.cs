using TorchKv.PortChecking.Comparison;
using TorchKv.PortChecking.Findings;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>Residual connections that are missing, added twice or taken from another place.</summary>
internal static class ResidualProbe
{
    private const int MostCandidates = 16;

    /// <summary>The difference is an earlier output, a multiple of a sum of two, or a difference of two.</summary>
    public static Finding? Explain(Mismatch mismatch)
    {
        var difference = Numbers.Subtract(mismatch.Actual.Values, mismatch.Expected.Values);
        var candidates = Candidates(mismatch);
        return One(mismatch, difference, candidates) ?? Two(mismatch, difference, candidates);
    }

    private static List<ComparedPair> Candidates(Mismatch mismatch)
    {
        var candidates = new List<ComparedPair>();
        foreach (var earlier in mismatch.Earlier.Reverse().Where(mismatch.HasShape))
        {
            // A container repeats the output of its last part, and a dropout repeats its input.
            var values = earlier.Expected.Values;
            if (candidates.Count < MostCandidates
                && !candidates.Exists(known => known.Expected.Values.AsSpan().SequenceEqual(values)))
            {
                candidates.Add(earlier);
            }
        }

        return candidates;
    }

    private static ResidualFinding? One(Mismatch mismatch, float[] difference, List<ComparedPair> candidates)
    {
        foreach (var pair in candidates)
        {
            var (factor, residual) = Numbers.Fit(pair.Expected.Values, difference);
            if (factor != 0 && mismatch.Explains(residual))
            {
                var name = pair.Key.ModuleAndCall;
                return Math.Abs(factor + 1) < 0.01 ? new ResidualFinding.Missing(mismatch.ActualSide, name)
                    : Math.Abs(factor - 1) < 0.01 ? new ResidualFinding.Doubled(mismatch.ActualSide, name)
                    : new ResidualFinding.Scaled(factor, name);
            }
        }

        return null;
    }

    private static ResidualFinding? Two(Mismatch mismatch, float[] difference, List<ComparedPair> candidates)
    {
        for (var i = 0; i < candidates.Count; i++)
        {
            for (var j = 0; j < candidates.Count; j++)
            {
                var (first, second) = (candidates[i], candidates[j]);
                if ((i < j ? Sum(mismatch, difference, first, second) : null) is { } sum)
                {
                    return sum;
                }

                var instead = i == j ? null : Numbers.Subtract(first.Expected.Values, second.Expected.Values);
                if (instead is not null && mismatch.Explains(Numbers.RmsDifference(instead, difference)))
                {
                    return new ResidualFinding.TakenFromElsewhere(
                        mismatch.ActualSide, first.Key.ModuleAndCall, second.Key.ModuleAndCall);
                }
            }
        }

        return null;
    }

    // Between two modules the residual stream is the sum of two outputs, and not an output itself.
    private static ResidualFinding.SumScaled? Sum(
        Mismatch mismatch, float[] difference, ComparedPair first, ComparedPair second)
    {
        var (factor, residual) = Numbers.Fit(Numbers.Add(first.Expected.Values, second.Expected.Values), difference);
        return factor != 0 && mismatch.Explains(residual)
            ? new(factor, second.Key.ModuleAndCall, first.Key.ModuleAndCall)
            : null;
    }
}
