using TorchKv.PortChecking.Findings;
using static TorchKv.PortChecking.Diagnosis.Numbers;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>A LayerNorm over another input, with other statistics, another epsilon, or other parameters.</summary>
internal static class NormalisationProbe
{
    private const int MostInputs = 12;

    private static readonly double[] s_epsilons = [1e-5, 1e-6, 1e-12, 1e-8, 1e-3, 0];

    /// <summary>Finds what the right side normalises, then what the wrong side does in its place.</summary>
    public static Finding? Explain(Mismatch mismatch)
    {
        var (rows, columns) = (mismatch.Expected.Rows, mismatch.Expected.Columns);
        if (columns < 8 || !ModuleRoles.IsNormalisation(mismatch))
        {
            return null;
        }

        var inputs = Inputs(mismatch);
        foreach (var (label, input) in inputs)
        {
            foreach (var epsilon in s_epsilons)
            {
                var norm = Normalised(input, rows, columns, epsilon, unbiased: false, centred: true);
                if (Affine.Between(norm, mismatch.Expected.Values, rows, columns, Noise(mismatch)) is { } affine)
                {
                    return Compare(mismatch, inputs, new(label, input, epsilon, norm, affine));
                }
            }
        }

        return null;
    }

    // Earlier outputs and sums of two of them, since the residual stream is a sum.
    private static List<(string Label, float[] Values)> Inputs(Mismatch mismatch)
    {
        var distinct = new List<(string Label, float[] Values)>();
        foreach (var pair in mismatch.Earlier.Reverse().Where(mismatch.HasShape).Take(MostInputs))
        {
            var values = pair.Expected.Values;
            if (!distinct.Exists(known => known.Values.AsSpan().SequenceEqual(values)))
            {
                distinct.Add((pair.Key.ModuleAndCall, values));
            }
        }

        var sums = new List<(string, float[])>();
        for (var i = 0; i < distinct.Count; i++)
        {
            for (var j = i + 1; j < distinct.Count; j++)
            {
                sums.Add(($"{distinct[j].Label} + {distinct[i].Label}", Add(distinct[i].Values, distinct[j].Values)));
            }
        }

        return [.. distinct, .. sums];
    }

    private static Finding? Compare(Mismatch mismatch, List<(string Label, float[] Values)> inputs, Norm right)
    {
        var (rows, columns) = (mismatch.Expected.Rows, mismatch.Expected.Columns);
        var side = mismatch.ExpectedSide;
        if (Matches(right.Input, unbiased: true))
        {
            return new NormalisationFinding.UnbiasedVariance(side);
        }

        if (Matches(right.Input, centred: false))
        {
            return new NormalisationFinding.WithoutMean(side);
        }

        foreach (var (other, values) in inputs)
        {
            if (other != right.Label && Matches(values))
            {
                return new NormalisationFinding.OtherInput(side, right.Label, other);
            }
        }

        return Mixture(mismatch, inputs, right) ?? Epsilon(mismatch, right) ?? Parameters(mismatch, right);

        bool Matches(float[] input, bool unbiased = false, bool centred = true)
        {
            var norm = Normalised(input, rows, columns, right.Epsilon, unbiased, centred);
            return mismatch.Explains(RmsDifference(right.Affine.Of(norm), mismatch.Actual.Values));
        }
    }

    // One side normalises x + y; the other x + c·y, with one c for all rows.
    private static NormalisationFinding? Mixture(
        Mismatch mismatch, List<(string Label, float[] Values)> inputs, Norm right)
    {
        var columns = mismatch.Expected.Columns;
        if (right.Label.Split(" + ") is not [var first, var second]
            || inputs.Find(i => i.Label == first).Values is not { } x
            || inputs.Find(i => i.Label == second).Values is not { } y)
        {
            return null;
        }

        var factors = new List<double>();
        for (var row = 0; row < mismatch.Expected.Rows; row++)
        {
            var start = row * columns;
            var normalised = new double[columns];
            for (var c = 0; c < columns; c++)
            {
                var (weight, bias) = (right.Affine.Weight[c], right.Affine.Bias[c]);
                normalised[c] = weight == 0 ? 0 : (mismatch.Actual.Values[start + c] - bias) / weight;
            }

            if (Ratio(x.AsSpan(start, columns), y.AsSpan(start, columns), normalised) is not { } ratio)
            {
                return null;
            }

            factors.Add(ratio);
        }

        var factor = factors.Average();
        return factors.TrueForAll(f => Math.Abs(f - factor) <= 0.01 * Math.Abs(factor)) && Math.Abs(factor - 1) > 0.005
            ? new NormalisationFinding.OtherMixture(mismatch.ExpectedSide, first, second, factor)
            : null;
    }

    // b/a where a·x + b·y, without their means, is the normalised row; null where it is not.
    private static double? Ratio(ReadOnlySpan<float> x, ReadOnlySpan<float> y, double[] normalised)
    {
        double xx = 0, xy = 0, yy = 0, xn = 0, yn = 0, nn = 0;
        _ = Variance(x, out var meanX);
        _ = Variance(y, out var meanY);
        for (var c = 0; c < normalised.Length; c++)
        {
            var (dx, dy, n) = (x[c] - meanX, y[c] - meanY, normalised[c]);
            (xx, xy, yy) = (xx + (dx * dx), xy + (dx * dy), yy + (dy * dy));
            (xn, yn, nn) = (xn + (dx * n), yn + (dy * n), nn + (n * n));
        }

        var determinant = (xx * yy) - (xy * xy);
        if (determinant <= 1e-9 * xx * yy)
        {
            return null;
        }

        var (a, b) = (((xn * yy) - (yn * xy)) / determinant, ((yn * xx) - (xn * xy)) / determinant);
        return a == 0 || nn - (a * xn) - (b * yn) > 1e-6 * nn ? null : b / a;
    }

    // With another epsilon ε', each row differs by the factor √((variance + ε)/(variance + ε')).
    private static NormalisationFinding? Epsilon(Mismatch mismatch, Norm right)
    {
        var columns = mismatch.Expected.Columns;
        var epsilons = new List<double>();
        var factors = new List<double>();
        var values = right.Affine.Of(right.Values);
        for (var row = 0; row < mismatch.Expected.Rows; row++)
        {
            var start = row * columns;
            var (expected, actual) = (new float[columns], new float[columns]);
            for (var c = 0; c < columns; c++)
            {
                var bias = (float)right.Affine.Bias[c];
                expected[c] = values[start + c] - bias;
                actual[c] = mismatch.Actual.Values[start + c] - bias;
            }

            var (factor, residual) = Fit(expected, actual);
            if (factor <= 0
                || residual > Math.Max(8 * mismatch.Noise, 0.02 * Math.Abs(factor - 1)) * Rms(expected))
            {
                return null;
            }

            var variance = Variance(right.Input.AsSpan(start, columns), out _);
            factors.Add(factor);
            epsilons.Add(((variance + right.Epsilon) / (factor * factor)) - variance);
        }

        var middle = epsilons.Order().ElementAt(epsilons.Count / 2);
        var (least, most) = (factors.Min(), factors.Max());
        return middle > -1e-12 && epsilons.TrueForAll(value => Math.Abs(value - middle) <= 0.1 * Math.Abs(middle))
            ? new NormalisationFinding.OtherEpsilon(mismatch.ExpectedSide, right.Epsilon, middle, least, most)
            : new NormalisationFinding.RowsScaled(least, most);
    }

    private static NormalisationFinding? Parameters(Mismatch mismatch, Norm right)
    {
        var (rows, columns) = (mismatch.Expected.Rows, mismatch.Expected.Columns);
        var own = Affine.Between(right.Values, mismatch.Actual.Values, rows, columns, Noise(mismatch));
        return own is null || rows < 3 ? null
            : own.IsIdentity ? new NormalisationFinding.WithoutParameters(mismatch.ActualSide)
            : new NormalisationFinding.OtherParameters();
    }

    private static float[] Normalised(
        float[] values, int rows, int columns, double epsilon, bool unbiased, bool centred)
    {
        var result = new float[values.Length];
        for (var row = 0; row < rows; row++)
        {
            var source = values.AsSpan(row * columns, columns);
            var variance = Variance(source, out var mean);
            var around = centred ? mean : 0;
            var power = centred ? variance : variance + (mean * mean);
            var scale = 1 / Math.Sqrt((unbiased ? power * columns / (columns - 1) : power) + epsilon);
            for (var c = 0; c < columns; c++)
            {
                result[(row * columns) + c] = (float)((source[c] - around) * scale);
            }
        }

        return result;
    }

    private static double Variance(ReadOnlySpan<float> row, out double mean)
    {
        mean = 0;
        foreach (var value in row)
        {
            mean += value / (double)row.Length;
        }

        var variance = 0.0;
        foreach (var value in row)
        {
            variance += (value - mean) * (value - mean) / row.Length;
        }

        return variance;
    }

    private static double Noise(Mismatch mismatch) => Math.Max(4 * mismatch.Noise, 3e-6);

    /// <summary>The normalisation of the right side.</summary>
    /// <param name="Label">The name of its input.</param>
    /// <param name="Input">Its input.</param>
    /// <param name="Epsilon">Its epsilon.</param>
    /// <param name="Values">The input with mean 0 and variance 1.</param>
    /// <param name="Affine">The weight and bias that it applies to <paramref name="Values"/>.</param>
    private sealed record Norm(string Label, float[] Input, double Epsilon, float[] Values, Affine Affine);
}
