using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>
/// A factor on the attention scores. With w = exp(c·score)/Z, the logarithms of a row's weights, less their mean, are
/// proportional to c.
/// </summary>
internal static class ScoreScaleProbe
{
    private const float Smallest = 1e-6f;

    /// <summary>Finds one factor for all heads, or one for each head.</summary>
    public static Finding? Explain(Mismatch mismatch, AttentionWeights expected, AttentionWeights actual)
    {
        var heads = Enumerable.Range(0, expected.Heads).Select(_ => new Logarithms()).ToArray();
        var all = new Logarithms();
        for (var row = 0; row < expected.Rows; row++)
        {
            Logarithms[] both = [all, heads[row / expected.Queries % expected.Heads]];
            Add(expected.Row(row), actual.Row(row), both);
        }

        if (all.Expected.Count < 6)
        {
            return null;
        }

        if (Slope(mismatch, all) is { } factor)
        {
            return new AttentionFinding.ScoresScaled(
                mismatch.ActualSide, factor, FactorProbe.Meanings(mismatch, factor));
        }

        var slopes = heads.Select(head => Slope(mismatch, head)).ToArray();
        return Array.TrueForAll(slopes, slope => slope is not null)
            ? new AttentionFinding.ScoresScaledByHead([.. slopes.Select(slope => slope!.Value)])
            : null;
    }

    private static void Add(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, Logarithms[] to)
    {
        double meanExpected = 0, meanActual = 0;
        var seen = 0;
        for (var k = 0; k < expected.Length; k++)
        {
            if (expected[k] > Smallest && actual[k] > Smallest)
            {
                meanExpected += Math.Log(expected[k]);
                meanActual += Math.Log(actual[k]);
                seen++;
            }
        }

        for (var k = 0; k < expected.Length && seen > 1; k++)
        {
            if (expected[k] > Smallest && actual[k] > Smallest)
            {
                foreach (var logarithms in to)
                {
                    logarithms.Expected.Add((float)(Math.Log(expected[k]) - (meanExpected / seen)));
                    logarithms.Actual.Add((float)(Math.Log(actual[k]) - (meanActual / seen)));
                }
            }
        }
    }

    private static double? Slope(Mismatch mismatch, Logarithms logarithms)
    {
        float[] expected = [.. logarithms.Expected], actual = [.. logarithms.Actual];
        var (slope, residual) = Numbers.Fit(expected, actual);
        var difference = Numbers.RmsDifference(expected, actual);
        return slope != 0 && residual <= Math.Max(difference / 50, mismatch.Noise * 4) && residual <= difference / 4
            ? slope
            : null;
    }

    /// <summary>Logarithms of the weights that both sides see, less their row's mean.</summary>
    private sealed class Logarithms
    {
        public List<float> Expected { get; } = [];

        public List<float> Actual { get; } = [];
    }
}
