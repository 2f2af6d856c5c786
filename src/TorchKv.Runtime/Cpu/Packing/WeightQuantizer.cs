using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TorchKv.Runtime.Cpu.Packing;

/// <summary>
/// Quantizes groups of weights to integers and a bfloat16 scale each, eight outputs at a time. It uses additions,
/// multiplications and divisions in a fixed order, and no fused operations. So every machine gets the same integers.
/// </summary>
internal static unsafe class WeightQuantizer
{
    /// <summary>Outputs that are quantized together.</summary>
    public const int Outputs = 8;

    /// <summary>
    /// 1.5 · 2²³. Adding and subtracting it rounds a float of magnitude below 2²² to an integer, ties to even.
    /// </summary>
    private const float Rounder = 12582912f;

    /// <summary>Quantizes to −127 … 127. The scale is max|w| / 127, rounded up to a bfloat16.</summary>
    /// <param name="values">(count, 8).</param>
    /// <param name="count">Weights of a group.</param>
    /// <param name="integers">Receives (count, 8).</param>
    /// <param name="scales">Receives 8 scales.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Int8(Vector256<float>* values, int count, Vector256<int>* integers, ushort* scales)
    {
        var max = Vector256<float>.Zero;
        for (var i = 0; i < count; i++)
        {
            max = Vector256.Max(max, Vector256.Abs(values[i]));
        }

        var bits = (max / Vector256.Create(127f)).AsInt32() + Vector256.Create(0xFFFF);
        var scale = (bits & Vector256.Create(unchecked((int)0xFFFF0000))).AsSingle();
        Store(values, count, scale, 127, 127, integers, scales);
    }

    /// <summary>Quantizes to −8 … 7. <see cref="Search"/> finds the scale among 60 candidates.</summary>
    /// <param name="values">(count, 8).</param>
    /// <param name="count">Weights of a group.</param>
    /// <param name="integers">Receives (count, 8).</param>
    /// <param name="scales">Receives 8 scales.</param>
    public static void Int4(Vector256<float>* values, int count, Vector256<int>* integers, ushort* scales) =>
        Store(values, count, Search(values, count, -8, 7, 7), 8, 7, integers, scales);

    /// <summary>
    /// Quantizes to −32 … 31. <see cref="Search"/> finds the scale among 20 candidates: with more levels the scale
    /// matters less.
    /// </summary>
    /// <param name="values">(count, 8).</param>
    /// <param name="count">Weights of a group.</param>
    /// <param name="integers">Receives (count, 8).</param>
    /// <param name="scales">Receives 8 scales.</param>
    public static void Int6(Vector256<float>* values, int count, Vector256<int>* integers, ushort* scales) =>
        Store(values, count, Search(values, count, -32, 31, 2), 32, 31, integers, scales);

    /// <summary>
    /// Finds the scale of the least squared error. The candidates map the weight of greatest magnitude near the lowest
    /// or near the highest integer; a scale may be negative. Each of them gives a second candidate: the scale that fits
    /// its integers best, by least squares.
    /// </summary>
    /// <param name="values">(count, 8).</param>
    /// <param name="count">Weights of a group.</param>
    /// <param name="lowest">The lowest integer.</param>
    /// <param name="highest">The highest integer.</param>
    /// <param name="steps">Candidates on each side of the lowest and the highest integer, 0.15 apart.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector256<float> Search(Vector256<float>* values, int count, int lowest, int highest, int steps)
    {
        var max = Vector256<float>.Zero;
        for (var i = 0; i < count; i++)
        {
            var greater = Vector256.GreaterThan(Vector256.Abs(values[i]), Vector256.Abs(max));
            max = Vector256.ConditionalSelect(greater, values[i], max);
        }

        var best = Vector256<float>.Zero;
        var least = Vector256.Create(float.PositiveInfinity);
        for (var step = -steps; step <= steps; step++)
        {
            for (var end = 0; end < 2; end++)
            {
                var target = (end == 0 ? lowest : highest) + (step * 0.15f);
                var candidate = BFloat16.RoundFinite(max / Vector256.Create(target));
                for (var refined = 0; refined < 2; refined++)
                {
                    var error = Error(values, count, candidate, lowest, highest, out var fitted);
                    var better = Vector256.LessThan(error, least);
                    best = Vector256.ConditionalSelect(better, candidate, best);
                    least = Vector256.ConditionalSelect(better, error, least);
                    candidate = BFloat16.RoundFinite(fitted);
                }
            }
        }

        return best;
    }

    private static void Store(
        Vector256<float>* values,
        int count,
        Vector256<float> scale,
        int below,
        int above,
        Vector256<int>* integers,
        ushort* scales)
    {
        var inverse = Inverse(scale);
        for (var i = 0; i < count; i++)
        {
            integers[i] = Vector256.ConvertToInt32(Nearest(values[i], inverse, -below, above));
        }

        for (var i = 0; i < Outputs; i++)
        {
            scales[i] = (ushort)(scale.AsUInt32()[i] >> 16);
        }
    }

    /// <summary>1 / scale, or 0 if the scale is 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Inverse(Vector256<float> scale) =>
        Vector256.ConditionalSelect(
            Vector256.Equals(scale, Vector256<float>.Zero),
            Vector256<float>.Zero,
            Vector256<float>.One / scale);

    /// <summary>value · inverse, clamped and rounded to the nearest integer, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Nearest(Vector256<float> value, Vector256<float> inverse, int least, int most)
    {
        var rounder = Vector256.Create(Rounder);
        var clamped = Vector256.Min(
            Vector256.Max(value * inverse, Vector256.Create((float)least)),
            Vector256.Create((float)most));
        return clamped + rounder - rounder;
    }

    /// <summary>The squared error of a scale, and the scale that fits the resulting integers best.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector256<float> Error(
        Vector256<float>* values,
        int count,
        Vector256<float> scale,
        int lowest,
        int highest,
        out Vector256<float> fitted)
    {
        var inverse = Inverse(scale);
        Vector256<float> error = default, product = default, square = default;
        for (var i = 0; i < count; i++)
        {
            var q = Nearest(values[i], inverse, lowest, highest);
            var d = values[i] - (q * scale);
            error += d * d;
            product += values[i] * q;
            square += q * q;
        }

        fitted = product * Inverse(square);
        return error;
    }
}
