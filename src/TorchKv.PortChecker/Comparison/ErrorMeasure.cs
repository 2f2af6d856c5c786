namespace TorchKv.PortChecking.Comparison;

/// <summary>Measures the error of one module's output.</summary>
internal static class ErrorMeasure
{
    // The scale of an original that is all zeros.
    private const double SmallestScale = 1e-7;

    /// <summary>
    /// Whether two shapes have the same rows: (1, 6, 24) and (6, 24) do, and (2, 6, 24) and (12, 24).
    /// </summary>
    public static bool AreComparable(int[] original, int[] port) =>
        original.Where(size => size != 1).SequenceEqual(port.Where(size => size != 1))
        || (Size(original) == Size(port) && original.Length > 0 && port.Length > 0 && original[^1] == port[^1]);

    /// <summary>Measures the error, and compares it with a bound.</summary>
    /// <param name="pair">The output in both traces.</param>
    /// <param name="bound">The largest error allowed, as a multiple of |original| + root mean square.</param>
    public static ModuleError Measure(ComparedPair pair, double bound)
    {
        if (pair.PortKey is null || !AreComparable(pair.Shape, pair.PortShape!))
        {
            return Result(double.NaN, double.NaN, false);
        }

        var (original, port) = (pair.Expected.Values, pair.Actual.Values);
        if (original.Length != port.Length)
        {
            return Result(double.NaN, double.NaN, false);
        }

        var scale = Math.Max(Scale(original), SmallestScale);
        double maxAbs = 0, maxRel = 0;
        var within = true;
        for (var i = 0; i < original.Length; i++)
        {
            double e = original[i], a = port[i];
            if (e == a || (double.IsNaN(e) && double.IsNaN(a)))
            {
                continue;
            }

            var error = Math.Abs(a - e);
            if (!double.IsFinite(error))
            {
                return Result(double.NaN, double.NaN, false);
            }

            maxAbs = Math.Max(maxAbs, error);
            maxRel = Math.Max(maxRel, error / Math.Max(Math.Abs(e), scale));
            within &= error <= bound * (Math.Abs(e) + scale);
        }

        return Result(maxAbs, maxRel, within);

        ModuleError Result(double abs, double rel, bool isWithin) =>
            new(pair.Key.ToString(), pair.PortKey?.ToString(), abs, rel, bound, isWithin, pair.Shape, pair.PortShape);
    }

    private static long Size(int[] shape) => shape.Aggregate(1L, (size, length) => size * length);

    // The root mean square of the finite numbers, since masked scores may be −∞ on both sides.
    private static double Scale(float[] values)
    {
        var sum = 0.0;
        var count = 0;
        foreach (var value in values)
        {
            if (float.IsFinite(value))
            {
                sum += (double)value * value;
                count++;
            }
        }

        return count == 0 ? 0 : Math.Sqrt(sum / count);
    }
}
