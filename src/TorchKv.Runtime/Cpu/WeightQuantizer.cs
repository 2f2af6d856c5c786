using System.Runtime.CompilerServices;
using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>A group of weights to integers and a bfloat16 scale.</summary>
internal static unsafe class WeightQuantizer
{
    /// <summary>−127 … 127, scale = max|w| / 127 rounded up to a bfloat16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static ushort Int8(float* values, int count, int* integers)
    {
        var max = 0f;
        for (var i = 0; i < count; i++)
        {
            max = MathF.Max(max, MathF.Abs(values[i]));
        }

        var scale = RoundUp(max / 127);
        var inverse = scale > 0 ? 1 / BFloat16.Widen(scale) : 0;
        for (var i = 0; i < count; i++)
        {
            integers[i] = Math.Clamp((int)MathF.Round(values[i] * inverse), -127, 127);
        }

        return scale;
    }

    /// <summary>
    /// −8 … 7. The scale is the one of least squared error among those that map the weight of greatest magnitude near −8 or near 7
    /// (its sign is the scale's), each refined once by least squares for the integers that it gave.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static ushort Int4(float* values, int count, int* integers)
    {
        var max = 0f;
        for (var i = 0; i < count; i++)
        {
            max = MathF.Abs(values[i]) > MathF.Abs(max) ? values[i] : max;
        }

        var best = BFloat16.Round(max / -8);
        var least = Error(values, count, BFloat16.Widen(best), out _);
        for (var step = -9; step <= 9; step++)
        {
            var candidate = BFloat16.Round(max / (-8 + (step * 0.1f)));
            Consider(candidate, ref best, ref least);
            candidate = BFloat16.Round(max / (7 + (step * 0.1f)));
            Consider(candidate, ref best, ref least);
        }

        var scale = BFloat16.Widen(best);
        for (var i = 0; i < count; i++)
        {
            integers[i] = Nearest(values[i], scale != 0 ? 1 / scale : 0);
        }

        return best;

        void Consider(ushort candidate, ref ushort best, ref float least)
        {
            var error = Error(values, count, BFloat16.Widen(candidate), out var refined);
            if (error < least)
            {
                (best, least) = (candidate, error);
            }

            candidate = BFloat16.Round(refined);
            error = Error(values, count, BFloat16.Widen(candidate), out _);
            if (error < least)
            {
                (best, least) = (candidate, error);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Nearest(float value, float inverse) =>
        Math.Clamp((int)MathF.Round(value * inverse), -8, 7);

    /// <summary>The squared error of a scale, and the scale that fits its integers best.</summary>
    private static float Error(float* values, int count, float scale, out float refined)
    {
        var inverse = scale != 0 ? 1 / scale : 0;
        float error = 0, product = 0, square = 0;
        for (var i = 0; i < count; i++)
        {
            var q = (float)Nearest(values[i], inverse);
            var d = values[i] - (q * scale);
            error += d * d;
            product += values[i] * q;
            square += q * q;
        }

        refined = square > 0 ? product / square : scale;
        return error;
    }

    private static ushort RoundUp(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)((bits + 0xFFFF) >> 16);
    }
}
