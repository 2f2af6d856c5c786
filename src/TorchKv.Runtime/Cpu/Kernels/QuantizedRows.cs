using System.Runtime.CompilerServices;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// Rows of activations in int8. Each group of a row has its own scale, so a row does not depend on other rows.
/// </summary>
/// <param name="values">(rows, stride); zeros past the row's end.</param>
/// <param name="scales">(rows, groups): value = scale · int8.</param>
/// <param name="starts">
/// (rows, groups): −offset · Σ int8, with which <see cref="QuantizedMatMul"/> starts its sums.
/// </param>
/// <param name="stride">Bytes from row to row: groups · group size.</param>
/// <param name="groups">Groups in a row.</param>
internal readonly unsafe struct QuantizedRows(sbyte* values, float* scales, int* starts, int stride, int groups)
{
    public readonly sbyte* Values = values;
    public readonly float* Scales = scales;
    public readonly int* Starts = starts;
    public readonly int Stride = stride;
    public readonly int Groups = groups;

    /// <summary>Copies the first rows to rows <paramref name="first"/> and following of another set.</summary>
    public void CopyTo(in QuantizedRows other, int first, int rows)
    {
        new ReadOnlySpan<sbyte>(Values, rows * Stride)
            .CopyTo(new Span<sbyte>(other.Values + ((nint)first * Stride), rows * Stride));
        new ReadOnlySpan<float>(Scales, rows * Groups)
            .CopyTo(new Span<float>(other.Scales + ((nint)first * Groups), rows * Groups));
        new ReadOnlySpan<int>(Starts, rows * Groups)
            .CopyTo(new Span<int>(other.Starts + ((nint)first * Groups), rows * Groups));
    }

    /// <summary>
    /// Quantizes one row. Per group: scale = max|x| / 127, value = x / scale rounded to the nearest integer, ties to
    /// even. Roofline: arithmetic. The row lies in the first-level cache; 8 elements take about one nanosecond.
    /// </summary>
    /// <param name="x">(n), followed by zeros up to a multiple of the group.</param>
    /// <param name="row">The row to write.</param>
    /// <param name="group">Elements of a group.</param>
    /// <param name="offset">The offset of the weights that the row will be multiplied with.</param>
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
                // The low bits of the rounded float are the integer; see Functions.Rounder.
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
