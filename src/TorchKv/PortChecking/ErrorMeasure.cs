using TorchKv.PortChecking.Diagnosis;
using TorchKv.Runtime.Checkpoints;

namespace TorchKv.PortChecking;

/// <summary>The error of one module, and whether it is within its bound.</summary>
internal static class ErrorMeasure
{
    // Where the original is all zeros there is no size to compare with.
    private const double SmallestScale = 1e-7;

    /// <summary>Whether the numbers stand in the same rows: (1, 6, 24) and (6, 24) do, and (2, 6, 24) and (12, 24).</summary>
    public static bool Comparable(int[] original, int[] port) =>
        original.Where(size => size != 1).SequenceEqual(port.Where(size => size != 1))
        || (Size(original) == Size(port) && original.Length > 0 && port.Length > 0 && original[^1] == port[^1]);

    public static ModuleError Measure(ComparedPair pair, PortCheckOptions options, int modulesBefore, out double bound)
    {
        bound = options.Bound(Runtime.Checkpoints.TensorDType.Float32, modulesBefore);
        if (pair.PortKey is null)
        {
            return Result(double.NaN, double.NaN, bound, false);
        }

        var (original, port) = (pair.Expected, pair.Actual);
        bound = options.Bound(original.DType, modulesBefore);
        if (!Comparable(pair.Shape, pair.PortShape!) || original.Values.Length != port.Values.Length)
        {
            return Result(double.NaN, double.NaN, bound, false);
        }

        var scale = Math.Max(Scale(original.Values), SmallestScale);
        double maxAbs = 0, maxRel = 0;
        var within = true;
        for (var i = 0; i < original.Values.Length; i++)
        {
            double e = original.Values[i], a = port.Values[i];
            if (e == a || (double.IsNaN(e) && double.IsNaN(a)))
            {
                continue;
            }

            var error = Math.Abs(a - e);
            if (!double.IsFinite(error))
            {
                return Result(double.NaN, double.NaN, bound, false);
            }

            maxAbs = Math.Max(maxAbs, error);
            maxRel = Math.Max(maxRel, error / Math.Max(Math.Abs(e), scale));
            within &= error <= bound * (Math.Abs(e) + scale);
        }

        return Result(maxAbs, maxRel, bound, within);

        ModuleError Result(double abs, double rel, double allowed, bool isWithin) =>
            new(pair.Key.ToString(), pair.PortKey?.ToString(), abs, rel, allowed, isWithin, pair.Shape, pair.PortShape);
    }

    private static long Size(int[] shape) => shape.Aggregate(1L, (size, length) => size * length);

    // Root mean square of the finite numbers: masked scores may be −∞ on both sides.
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
