using TorchKv.Runtime.Cpu;
using static TorchKv.PortChecking.Diagnosis.Numbers;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>A LayerNorm over another input, with other statistics, another epsilon, or another weight.</summary>
internal static class NormalisationProbe
{
    private static readonly double[] Epsilons = [1e-5, 1e-6, 1e-12, 1e-8, 1e-3, 0];

    public static Resemblance? Explain(Scene scene)
    {
        var (rows, columns) = (scene.Expected.Rows, scene.Expected.Columns);
        if (columns < 8 || !(scene.Type.Contains("norm", StringComparison.OrdinalIgnoreCase) || scene.Expected.Key.Module.Split('.')[^1] is var name
            && (name.Contains("norm", StringComparison.OrdinalIgnoreCase) || name.StartsWith("ln", StringComparison.OrdinalIgnoreCase))))
        {
            return null;
        }

        var inputs = Inputs(scene);
        foreach (var (label, input) in inputs)
        {
            foreach (var epsilon in Epsilons)
            {
                var norm = Normalised(input, rows, columns, epsilon, unbiased: false, centred: true);
                if (Affine.Between(norm, scene.Expected.Values, rows, columns, Math.Max(4 * scene.Noise, 3e-6)) is { } affine)
                {
                    return Compare(scene, inputs, label, input, epsilon, norm, affine);
                }
            }
        }

        return null;
    }

    // Outputs before this one, and sums of two of them: what stands on the residual stream.
    private static List<(string Label, float[] Values)> Inputs(Scene scene)
    {
        var outputs = scene.Earlier.Reverse()
            .Where(pair => pair.Shape.AsSpan().TrimStart(1).SequenceEqual(scene.Expected.TrimmedShape))
            .Take(12).Select(pair => (Label: Scene.Name(pair.Key), pair.Expected.Values)).ToList();
        var distinct = new List<(string Label, float[] Values)>();
        foreach (var output in outputs)
        {
            if (!distinct.Exists(d => d.Values.AsSpan().SequenceEqual(output.Values)))
            {
                distinct.Add(output);
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

    private static Resemblance? Compare(
        Scene scene, List<(string Label, float[] Values)> inputs, string label, float[] input, double epsilon, float[] norm, Affine affine)
    {
        var (rows, columns) = (scene.Expected.Rows, scene.Expected.Columns);
        if (Matches(Normalised(input, rows, columns, epsilon, unbiased: true, centred: true)))
        {
            return new(ResemblanceKind.Normalisation, $"a normalisation with the unbiased variance (divided by n − 1): {scene.Original} divides by n");
        }

        if (Matches(Normalised(input, rows, columns, epsilon, unbiased: false, centred: false)))
        {
            return new(ResemblanceKind.Normalisation, $"a normalisation without subtracting the mean (RMSNorm) where {scene.Original} subtracts it (LayerNorm)");
        }

        foreach (var (other, values) in inputs)
        {
            if (other != label && Matches(Normalised(values, rows, columns, epsilon, unbiased: false, centred: true)))
            {
                return new(ResemblanceKind.Residual, $"it normalises {other} where {scene.Original} normalises {label}: a residual connection (shortcut) is missing or taken from elsewhere");
            }
        }

        if (Mixture(scene, inputs, label, affine) is { } mixture)
        {
            return mixture;
        }

        if (Epsilon(scene, input, norm, affine, epsilon) is { } text)
        {
            return new(ResemblanceKind.Normalisation, text);
        }

        if (Affine.Between(norm, scene.Actual.Values, rows, columns, Math.Max(4 * scene.Noise, 3e-6)) is { } own && rows >= 3)
        {
            return own.IsIdentity
                ? new(ResemblanceKind.Normalisation, $"the weight and bias (scale and shift) of the normalisation are not applied in {scene.Port}")
                : new(ResemblanceKind.Weights, "other weights: the normalisation is right, its weight or bias (scale or shift) is another");
        }

        return null;

        bool Matches(float[] normalised) => scene.Explains(RmsDifference(affine.Of(normalised, columns), scene.Actual.Values));
    }

    // The original normalises x + y; the port x + c·y, with one c for all rows.
    private static Resemblance? Mixture(Scene scene, List<(string Label, float[] Values)> inputs, string label, Affine affine)
    {
        var (rows, columns) = (scene.Expected.Rows, scene.Expected.Columns);
        if (label.Split(" + ") is not [var first, var second] || inputs.Find(i => i.Label == first).Values is not { } x || inputs.Find(i => i.Label == second).Values is not { } y)
        {
            return null;
        }

        var factors = new List<double>();
        for (var row = 0; row < rows; row++)
        {
            double xx = 0, xy = 0, yy = 0, xa = 0, ya = 0, aa = 0;
            _ = Variance(x.AsSpan(row * columns, columns), out var meanX);
            _ = Variance(y.AsSpan(row * columns, columns), out var meanY);
            for (var c = 0; c < columns; c++)
            {
                var (dx, dy) = (x[(row * columns) + c] - meanX, y[(row * columns) + c] - meanY);
                var a = affine.Weight[c] == 0 ? 0 : (scene.Actual.Values[(row * columns) + c] - affine.Bias[c]) / affine.Weight[c];
                (xx, xy, yy, xa, ya, aa) = (xx + (dx * dx), xy + (dx * dy), yy + (dy * dy), xa + (dx * a), ya + (dy * a), aa + (a * a));
            }

            var determinant = (xx * yy) - (xy * xy);
            if (determinant <= 1e-9 * xx * yy)
            {
                return null;
            }

            var (alpha, beta) = (((xa * yy) - (ya * xy)) / determinant, ((ya * xx) - (xa * xy)) / determinant);
            if (alpha == 0 || aa - (alpha * xa) - (beta * ya) > 1e-6 * aa)
            {
                return null;
            }

            factors.Add(beta / alpha);
        }

        var factor = factors.Average();
        return factors.TrueForAll(f => Math.Abs(f - factor) <= 0.01 * Math.Abs(factor)) && Math.Abs(factor - 1) > 0.005
            ? new(ResemblanceKind.Residual, $"it normalises {first} + {Say(factor)} · {second} where {scene.Original} normalises {label}: a residual connection (shortcut) with another factor")
            : null;
    }

    // Each row differs by its own factor, √((variance + ε)/(variance + ε')), and one ε' explains them all.
    private static string? Epsilon(Scene scene, float[] input, float[] norm, Affine affine, double epsilon)
    {
        var (rows, columns) = (scene.Expected.Rows, scene.Expected.Columns);
        var found = new List<double>();
        var factors = new List<double>();
        var right = affine.Of(norm, columns);
        for (var row = 0; row < rows; row++)
        {
            var (e, a) = (new float[columns], new float[columns]);
            for (var c = 0; c < columns; c++)
            {
                e[c] = right[(row * columns) + c] - (float)affine.Bias[c];
                a[c] = scene.Actual.Values[(row * columns) + c] - (float)affine.Bias[c];
            }

            var (factor, residual) = Fit(e, a);
            if (factor <= 0 || residual > Math.Max(8 * scene.Noise, 0.02 * Math.Abs(factor - 1)) * Rms(e))
            {
                return null;
            }

            var variance = Variance(input.AsSpan(row * columns, columns), out _);
            factors.Add(factor);
            found.Add(((variance + epsilon) / (factor * factor)) - variance);
        }

        var middle = found.Order().ElementAt(found.Count / 2);
        var told = $"factors {Say(factors.Min())} to {Say(factors.Max())}, one for each row";
        return middle > -1e-12 && found.TrueForAll(value => Math.Abs(value - middle) <= 0.1 * Math.Abs(middle))
            ? $"a normalisation with another epsilon: {Say(middle)} where {scene.Original} has {Say(epsilon)} ({told})"
            : $"a normalisation whose rows are scaled differently: the variance is another ({told})";
    }

    private static float[] Normalised(float[] values, int rows, int columns, double epsilon, bool unbiased, bool centred)
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

    /// <summary>A weight and a bias for each column.</summary>
    private sealed record Affine(double[] Weight, double[] Bias)
    {
        public bool IsIdentity => Weight.All(w => Math.Abs(w - 1) < 1e-3) && Bias.All(b => Math.Abs(b) < 1e-3);

        /// <summary>The weight and bias that make <paramref name="to"/> of <paramref name="from"/>, if any do; of few rows, only weight 1 and bias 0 are tried.</summary>
        public static Affine? Between(float[] from, float[] to, int rows, int columns, double noise)
        {
            var plain = new Affine([.. Enumerable.Repeat(1.0, columns)], new double[columns]);
            if (RmsDifference(from, to) <= noise * Rms(to))
            {
                return plain;
            }

            if (rows < 4)
            {
                return null;
            }

            var (weight, bias) = (new double[columns], new double[columns]);
            for (var c = 0; c < columns; c++)
            {
                double x = 0, y = 0, xx = 0, xy = 0;
                for (var row = 0; row < rows; row++)
                {
                    x += from[(row * columns) + c] / (double)rows;
                    y += to[(row * columns) + c] / (double)rows;
                }

                for (var row = 0; row < rows; row++)
                {
                    xx += Math.Pow(from[(row * columns) + c] - x, 2);
                    xy += (from[(row * columns) + c] - x) * (to[(row * columns) + c] - y);
                }

                weight[c] = xx == 0 ? 0 : xy / xx;
                bias[c] = y - (weight[c] * x);
            }

            var affine = new Affine(weight, bias);
            return RmsDifference(affine.Of(from, columns), to) <= noise * Rms(to) ? affine : null;
        }

        public float[] Of(float[] values, int columns)
        {
            var result = new float[values.Length];
            for (var i = 0; i < values.Length; i++)
            {
                result[i] = (float)((values[i] * Weight[i % columns]) + Bias[i % columns]);
            }

            return result;
        }
    }
}
