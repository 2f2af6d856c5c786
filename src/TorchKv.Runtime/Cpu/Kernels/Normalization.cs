using System.Runtime.CompilerServices;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// LayerNorm. A sum adds element i in lane i mod 16, front to back; then a fixed tree adds the sixteen lanes.
/// Roofline: latency. The row lies in the first-level cache; each of the two sums is a chain of n / 16 additions.
/// </summary>
internal static unsafe class Normalization
{
    private const int Lanes = 16;

    /// <summary>y = (x − mean) / √(variance + eps) · weight + bias over <paramref name="n"/> elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void LayerNorm<L, V>(float* x, float* weight, float* bias, float eps, int n, float* y)
        where L : IFloatLanes<V>
        where V : struct
    {
        var whole = n / Lanes * Lanes;
        var part = stackalloc float[Lanes];
        for (var lane = 0; lane < Lanes; lane += L.Count)
        {
            var sum = L.All(0);
            for (var i = lane; i < whole; i += Lanes)
            {
                sum = L.Add(sum, L.Load(x + i));
            }

            L.Store(sum, part + lane);
        }

        for (var i = whole; i < n; i++)
        {
            part[i - whole] += x[i];
        }

        var mean = Tree(part) / n;
        var center = L.All(mean);
        for (var lane = 0; lane < Lanes; lane += L.Count)
        {
            var sum = L.All(0);
            for (var i = lane; i < whole; i += Lanes)
            {
                var d = L.Subtract(L.Load(x + i), center);
                sum = L.Fma(d, d, sum);
            }

            L.Store(sum, part + lane);
        }

        for (var i = whole; i < n; i++)
        {
            var d = x[i] - mean;
            part[i - whole] = MathF.FusedMultiplyAdd(d, d, part[i - whole]);
        }

        var inverse = 1 / MathF.Sqrt((Tree(part) / n) + eps);
        var scale = L.All(inverse);
        for (var i = 0; i < whole; i += L.Count)
        {
            L.Store(
                L.Fma(L.Multiply(L.Subtract(L.Load(x + i), center), scale), L.Load(weight + i), L.Load(bias + i)),
                y + i);
        }

        for (var i = whole; i < n; i++)
        {
            y[i] = MathF.FusedMultiplyAdd((x[i] - mean) * inverse, weight[i], bias[i]);
        }
    }

    /// <summary>
    /// The sum of sixteen lanes in a fixed order: the upper half is added to the lower half, until one is left.
    /// Overwrites <paramref name="part"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Tree(float* part)
    {
        for (var half = Lanes / 2; half > 0; half /= 2)
        {
            for (var i = 0; i < half; i++)
            {
                part[i] += part[i + half];
            }
        }

        return part[0];
    }
}
