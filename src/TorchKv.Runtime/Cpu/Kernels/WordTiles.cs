using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// <see cref="QuantizedMatMul"/>'s tiles for processors that have AVX-512 and lack AVX-VNNI. The sums are the same
/// integers, so the results are the same bits.
/// </summary>
/// <remarks>
/// <c>vpmaddubsw</c> adds two products of an unsigned and a signed byte to a 16-bit word, which saturates. With four
/// bits of weight a word holds 16 products: 16 · 15 · 128 = 30,720. So an int4 group of 32 inputs is summed in words,
/// two inputs of every four in one word. An int8 weight is two nibbles, summed apart and joined every 32 inputs.
/// </remarks>
internal static unsafe class WordTiles
{
    private const int Width = PackedMatrix.PanelWidth;

    /// <summary>Inputs whose products fit a word, with two of every four in one word.</summary>
    private const int Inputs = 32;

    /// <summary>Whether this processor has the instructions, and no better ones.</summary>
    public static bool AreFastest => Avx512BW.IsSupported && !AvxVnni.IsSupported;

    /// <summary>Rows × panel, as <see cref="QuantizedMatMul.Panel"/> computes it, for two rows or more.</summary>
    /// <param name="x">The quantized rows; memory of the rows rounded up to six must be readable.</param>
    /// <param name="firstRow">The first row.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="panel">The panel.</param>
    /// <param name="int4">Whether the weights are <see cref="Int4Elements"/>; else <see cref="Int8Elements"/>.</param>
    /// <param name="tile">Receives (rows, 32); has room for the rows rounded up to six.</param>
    public static void Panel(in QuantizedRows x, int firstRow, int rows, byte* panel, bool int4, float* tile)
    {
        for (var row = 0; row < rows; row += Tiles.Rows)
        {
            var c = tile + (row * Width);
            if (int4)
            {
                Int4(x, firstRow + row, panel, c);
            }
            else
            {
                Int8(x, firstRow + row, panel, 0, c);
                Int8(x, firstRow + row, panel, 16, c + 16);
            }
        }
    }

    /// <summary>
    /// Six rows × 32 outputs. Roofline: the integer units. Four inputs take 12 multiplications and 12 additions of 512
    /// bits for 768 products, against 48 FMAs in float32.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Int4(in QuantizedRows x, nint row, byte* panel, float* c)
    {
        // Nibbles of one load are outputs 0 … 7 and 16 … 23 (low), 8 … 15 and 24 … 31 (high). The sums stay in this
        // order until all groups are added.
        var sums = stackalloc float[Tiles.Rows * Width];
        new Span<float>(sums, Tiles.Rows * Width).Clear();
        nint stride = x.Stride, groups = x.Groups;
        var values = x.Values + (row * stride);
        var scales = x.Scales + (row * groups);
        var starts = x.Starts + (row * groups);
        for (nint group = 0; group < groups; group++)
        {
            Vector512<short> a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default;
            Vector512<short> b0 = default, b1 = default, b2 = default, b3 = default, b4 = default, b5 = default;
            sbyte* x0 = values, x1 = x0 + stride, x2 = x1 + stride;
            sbyte* x3 = x2 + stride, x4 = x3 + stride, x5 = x4 + stride;
            for (nint i = 0; i < Inputs; i += 4)
            {
                Nibbles(panel, out var low, out var high);
                panel += 64;
                var t = AllQuads(x0 + i);
                a0 += Avx512BW.MultiplyAddAdjacent(low, t);
                b0 += Avx512BW.MultiplyAddAdjacent(high, t);
                t = AllQuads(x1 + i);
                a1 += Avx512BW.MultiplyAddAdjacent(low, t);
                b1 += Avx512BW.MultiplyAddAdjacent(high, t);
                t = AllQuads(x2 + i);
                a2 += Avx512BW.MultiplyAddAdjacent(low, t);
                b2 += Avx512BW.MultiplyAddAdjacent(high, t);
                t = AllQuads(x3 + i);
                a3 += Avx512BW.MultiplyAddAdjacent(low, t);
                b3 += Avx512BW.MultiplyAddAdjacent(high, t);
                t = AllQuads(x4 + i);
                a4 += Avx512BW.MultiplyAddAdjacent(low, t);
                b4 += Avx512BW.MultiplyAddAdjacent(high, t);
                t = AllQuads(x5 + i);
                a5 += Avx512BW.MultiplyAddAdjacent(low, t);
                b5 += Avx512BW.MultiplyAddAdjacent(high, t);
            }

            var weightScales = (ushort*)panel;
            panel += Width * sizeof(ushort);
            var s = Scales(weightScales, weightScales + 16);
            var r = Scales(weightScales + 8, weightScales + 24);
            Accumulate(a0, b0, *starts, s, r, *scales, sums);
            Accumulate(a1, b1, starts[groups], s, r, scales[groups], sums + Width);
            Accumulate(a2, b2, starts[2 * groups], s, r, scales[2 * groups], sums + (2 * Width));
            Accumulate(a3, b3, starts[3 * groups], s, r, scales[3 * groups], sums + (3 * Width));
            Accumulate(a4, b4, starts[4 * groups], s, r, scales[4 * groups], sums + (4 * Width));
            Accumulate(a5, b5, starts[5 * groups], s, r, scales[5 * groups], sums + (5 * Width));
            values += Inputs;
            scales++;
            starts++;
        }

        for (var i = 0; i < Tiles.Rows * Width; i += Width)
        {
            Vector512<float> a = Vector512.Load(sums + i), b = Vector512.Load(sums + i + 16);
            a.GetLower().Store(c + i);
            b.GetLower().Store(c + i + 8);
            a.GetUpper().Store(c + i + 16);
            b.GetUpper().Store(c + i + 24);
        }
    }

    /// <summary>
    /// Six rows × 16 outputs. Roofline: the integer units. Four inputs take 12 multiplications and 12 additions of 512
    /// bits for 384 products, against 24 FMAs in float32.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Int8(in QuantizedRows x, nint row, byte* panel, int output, float* c)
    {
        nint stride = x.Stride, groups = x.Groups;
        var values = x.Values + (row * stride);
        var scales = x.Scales + (row * groups);
        var starts = x.Starts + (row * groups);
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, c5 = default;
        for (nint group = 0; group < groups; group++)
        {
            Vector512<int> s0 = Vector512.Create(*starts), s1 = Vector512.Create(starts[groups]);
            Vector512<int> s2 = Vector512.Create(starts[2 * groups]), s3 = Vector512.Create(starts[3 * groups]);
            Vector512<int> s4 = Vector512.Create(starts[4 * groups]), s5 = Vector512.Create(starts[5 * groups]);
            var quads = panel + (output * 4);
            for (var end = values + Int8Elements.Group; values < end; values += Inputs)
            {
                Vector512<short> a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default;
                Vector512<short> b0 = default, b1 = default, b2 = default, b3 = default, b4 = default, b5 = default;
                sbyte* x0 = values, x1 = x0 + stride, x2 = x1 + stride;
                sbyte* x3 = x2 + stride, x4 = x3 + stride, x5 = x4 + stride;
                for (nint i = 0; i < Inputs; i += 4)
                {
                    Nibbles(quads, out var low, out var high);
                    quads += Int8Elements.QuadBytes;
                    var t = AllQuads(x0 + i);
                    a0 += Avx512BW.MultiplyAddAdjacent(low, t);
                    b0 += Avx512BW.MultiplyAddAdjacent(high, t);
                    t = AllQuads(x1 + i);
                    a1 += Avx512BW.MultiplyAddAdjacent(low, t);
                    b1 += Avx512BW.MultiplyAddAdjacent(high, t);
                    t = AllQuads(x2 + i);
                    a2 += Avx512BW.MultiplyAddAdjacent(low, t);
                    b2 += Avx512BW.MultiplyAddAdjacent(high, t);
                    t = AllQuads(x3 + i);
                    a3 += Avx512BW.MultiplyAddAdjacent(low, t);
                    b3 += Avx512BW.MultiplyAddAdjacent(high, t);
                    t = AllQuads(x4 + i);
                    a4 += Avx512BW.MultiplyAddAdjacent(low, t);
                    b4 += Avx512BW.MultiplyAddAdjacent(high, t);
                    t = AllQuads(x5 + i);
                    a5 += Avx512BW.MultiplyAddAdjacent(low, t);
                    b5 += Avx512BW.MultiplyAddAdjacent(high, t);
                }

                s0 += Join(a0, b0);
                s1 += Join(a1, b1);
                s2 += Join(a2, b2);
                s3 += Join(a3, b3);
                s4 += Join(a4, b4);
                s5 += Join(a5, b5);
            }

            var weightScales = (ushort*)(panel + (Int8Elements.Group / 4 * Int8Elements.QuadBytes));
            var scale = Scales(weightScales + output, weightScales + output + 8);
            c0 = Fma(s0, scale, *scales, c0);
            c1 = Fma(s1, scale, scales[groups], c1);
            c2 = Fma(s2, scale, scales[2 * groups], c2);
            c3 = Fma(s3, scale, scales[3 * groups], c3);
            c4 = Fma(s4, scale, scales[4 * groups], c4);
            c5 = Fma(s5, scale, scales[5 * groups], c5);
            panel = (byte*)(weightScales + Width);
            scales++;
            starts++;
        }

        c0.Store(c);
        c1.Store(c + Width);
        c2.Store(c + (2 * Width));
        c3.Store(c + (3 * Width));
        c4.Store(c + (4 * Width));
        c5.Store(c + (5 * Width));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Nibbles(byte* source, out Vector512<byte> low, out Vector512<byte> high)
    {
        var both = Vector512.Load(source);
        var mask = Vector512.Create((byte)0x0F);
        low = both & mask;
        high = Vector512.ShiftRightLogical(both.AsUInt16(), 4).AsByte() & mask;
    }

    /// <summary>The same four inputs in every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<sbyte> AllQuads(sbyte* source) => Vector512.Create(*(int*)source).AsSByte();

    /// <summary>Sixteen scales, bfloat16 in memory, from two places.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Scales(ushort* first, ushort* second)
    {
        var both = Vector256.Create(Vector128.Load(first), Vector128.Load(second));
        return Vector512.ShiftLeft(Avx512F.ConvertToVector512UInt32(both), 16).AsSingle();
    }

    /// <summary>The sums of the words' pairs: those of the low nibbles + 16 times those of the high ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Join(Vector512<short> low, Vector512<short> high) =>
        Avx512BW.MultiplyAddAdjacent(low, Vector512.Create((short)1))
            + Avx512BW.MultiplyAddAdjacent(high, Vector512.Create((short)16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Fma(
        Vector512<int> sum, Vector512<float> weightScales, float rowScale, Vector512<float> c) =>
        Vector512.FusedMultiplyAdd(
            Vector512.ConvertToSingle(sum), weightScales * Vector512.Create(rowScale), c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Accumulate(
        Vector512<short> a,
        Vector512<short> b,
        int start,
        Vector512<float> aScales,
        Vector512<float> bScales,
        float rowScale,
        float* sums)
    {
        var ones = Vector512.Create((short)1);
        var begin = Vector512.Create(start);
        Fma(begin + Avx512BW.MultiplyAddAdjacent(a, ones), aScales, rowScale, Vector512.Load(sums)).Store(sums);
        Fma(begin + Avx512BW.MultiplyAddAdjacent(b, ones), bScales, rowScale, Vector512.Load(sums + 16))
            .Store(sums + 16);
    }
}
