using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>
/// Groups of weights to integers and a bfloat16 scale each, eight outputs at a time. Only additions, multiplications and divisions
/// without contraction, in one order: the same integers on every machine.
/// </summary>
internal static unsafe class WeightQuantizer
{
    /// <summary>Outputs that are quantized together.</summary>
    public const int Outputs = 8;

    /// <summary>−127 … 127, scale = max|w| / 127 rounded up to a bfloat16.</summary>
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

    /// <summary>−8 … 7, the scale found by <see cref="Search"/> among 60.</summary>
    /// <param name="values">(count, 8).</param>
    /// <param name="count">Weights of a group.</param>
    /// <param name="integers">Receives (count, 8).</param>
    /// <param name="scales">Receives 8 scales.</param>
    public static void Int4(Vector256<float>* values, int count, Vector256<int>* integers, ushort* scales) =>
        Store(values, count, Search(values, count, -8, 7, 7), 8, 7, integers, scales);

    /// <summary>−32 … 31, likewise among 20: finer steps leave less to find.</summary>
    /// <param name="values">(count, 8).</param>
    /// <param name="count">Weights of a group.</param>
    /// <param name="integers">Receives (count, 8).</param>
    /// <param name="scales">Receives 8 scales.</param>
    public static void Int6(Vector256<float>* values, int count, Vector256<int>* integers, ushort* scales) =>
        Store(values, count, Search(values, count, -32, 31, 2), 32, 31, integers, scales);

    /// <summary>
    /// The scale of least squared error among those that bring the weight of greatest magnitude near the least or near the greatest integer
    /// (the scale has a sign), each of them refined once by least squares for the integers that it gave.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector256<float> Search(Vector256<float>* values, int count, int lowest, int highest, int steps)
    {
        var max = Vector256<float>.Zero;
        for (var i = 0; i < count; i++)
        {
            max = Vector256.ConditionalSelect(Vector256.GreaterThan(Vector256.Abs(values[i]), Vector256.Abs(max)), values[i], max);
        }

        var best = Vector256<float>.Zero;
        var least = Vector256.Create(float.PositiveInfinity);
        for (var step = -steps; step <= steps; step++)
        {
            for (var end = 0; end < 2; end++)
            {
                var candidate = Round(max / Vector256.Create((end == 0 ? lowest : highest) + (step * 0.15f)));
                for (var refined = 0; refined < 2; refined++)
                {
                    var error = Error(values, count, candidate, lowest, highest, out var fitted);
                    var better = Vector256.LessThan(error, least);
                    best = Vector256.ConditionalSelect(better, candidate, best);
                    least = Vector256.ConditionalSelect(better, error, least);
                    candidate = Round(fitted);
                }
            }
        }

        return best;
    }

    private static void Store(Vector256<float>* values, int count, Vector256<float> scale, int below, int above, Vector256<int>* integers, ushort* scales)
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Inverse(Vector256<float> scale) =>
        Vector256.ConditionalSelect(Vector256.Equals(scale, Vector256<float>.Zero), Vector256<float>.Zero, Vector256<float>.One / scale);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Nearest(Vector256<float> value, Vector256<float> inverse, int least, int most)
    {
        var rounder = Vector256.Create(Functions.Rounder);
        var clamped = Vector256.Min(Vector256.Max(value * inverse, Vector256.Create((float)least)), Vector256.Create((float)most));
        return clamped + rounder - rounder;
    }

    /// <summary>The squared error of a scale, and the scale that fits its integers best.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector256<float> Error(Vector256<float>* values, int count, Vector256<float> scale, int lowest, int highest, out Vector256<float> fitted)
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

    /// <summary>To the nearest bfloat16, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Round(Vector256<float> value)
    {
        var bits = value.AsInt32();
        var rounded = bits + Vector256.Create(0x7FFF) + (Vector256.ShiftRightLogical(bits, 16) & Vector256<int>.One);
        return (rounded & Vector256.Create(unchecked((int)0xFFFF0000))).AsSingle();
    }
}
