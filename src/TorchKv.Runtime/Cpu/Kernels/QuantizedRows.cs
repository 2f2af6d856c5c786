using System.Runtime.CompilerServices;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>Rows of activations in int8, each group of a row with its own scale, so that a row does not depend on the rows beside it.</summary>
/// <param name="values">(rows, stride); zeros past the row's end.</param>
/// <param name="scales">(rows, groups): value = scale · int8.</param>
/// <param name="starts">(rows, groups): −offset · Σ int8, where the products' sums begin.</param>
/// <param name="stride">Bytes from row to row: groups · group size.</param>
/// <param name="groups">Groups in a row.</param>
internal readonly unsafe struct QuantizedRows(sbyte* values, float* scales, int* starts, int stride, int groups)
{
    public readonly sbyte* Values = values;
    public readonly float* Scales = scales;
    public readonly int* Starts = starts;
    public readonly int Stride = stride;
    public readonly int Groups = groups;

    /// <summary>Copies the first rows to another set's rows from <paramref name="first"/> on.</summary>
    public void CopyTo(in QuantizedRows other, int first, int rows)
    {
        new ReadOnlySpan<sbyte>(Values, rows * Stride).CopyTo(new Span<sbyte>(other.Values + ((nint)first * Stride), rows * Stride));
        new ReadOnlySpan<float>(Scales, rows * Groups).CopyTo(new Span<float>(other.Scales + ((nint)first * Groups), rows * Groups));
        new ReadOnlySpan<int>(Starts, rows * Groups).CopyTo(new Span<int>(other.Starts + ((nint)first * Groups), rows * Groups));
    }

    /// <summary>
    /// Quantizes one row: scale = max|x| / 127 of the group, value = x / scale to nearest even.
    /// Roofline: the row lies in the first-level cache; about one nanosecond for 8 elements.
    /// </summary>
    /// <param name="x">(n), and zeros up to the next multiple of the group.</param>
    /// <param name="row">The row to write.</param>
    /// <param name="group">Elements in a group.</param>
    /// <param name="offset">What weights are offset by.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Quantize<L, V>(float* x, int row, int group, int offset)
        where L : IFloatLanes<V>
        where V : struct
    {
        var to = Values + ((nint)row * Stride);
        var rounder = L.All(Functions.Rounder);
        for (var g = 0; g < Groups; g++)
        {
            var most = L.All(0);
            for (var i = 0; i < group; i += L.Count)
            {
                var a = L.Abs(L.Load(x + i));
                most = L.IfGreater(a, most, a, most);
            }

            var max = L.Greatest(most);
            var inverse = L.All(max > 1e-30f ? 127 / max : 0);
            var sum = L.All(0);
            for (var i = 0; i < group; i += L.Count)
            {
                // The integer is in the low bits of the rounded float.
                var rounded = L.Fma(L.Load(x + i), inverse, rounder);
                L.StoreLowBytes(rounded, to + i);
                sum = L.Add(sum, L.Subtract(rounded, rounder));
            }

            Scales[((nint)row * Groups) + g] = max / 127;
            Starts[((nint)row * Groups) + g] = -offset * (int)L.SumOfIntegers(sum);
            x += group;
            to += group;
        }
    }
}
