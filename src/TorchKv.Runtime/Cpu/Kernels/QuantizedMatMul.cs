using System.Runtime.CompilerServices;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// Products of rows quantized to int8 with panels of int8, six-bit or int4 weights. Rows and weights have a scale for
/// every group of inputs. A panel is a sequence of groups; a group is its quads, (group / 4, 32 outputs, 4 inputs),
/// then 32 bfloat16 scales. Within a group the sum is an exact integer. Groups are added front to back:
/// <c>acc = fma(Σ, weightScale · rowScale, acc)</c>.
/// </summary>
/// <remarks>
/// Weights are stored unsigned, as w + offset, because <c>vpdpbusd</c> multiplies unsigned by signed bytes. To cancel
/// the offset, a sum starts at −offset · Σx, which is stored with the row (<see cref="QuantizedRows.Starts"/>).
/// </remarks>
internal static unsafe class QuantizedMatMul
{
    private const int Width = PackedMatrix.PanelWidth;

    /// <summary>
    /// One row (decode): y[0 … 32) = x · panel.
    /// Roofline: memory. The 128 (int8), 96 (six bits) or 64 (int4) bytes of a quad take four dot products, which are
    /// chains of 4 cycles' latency.
    /// </summary>
    /// <param name="x">The quantized rows.</param>
    /// <param name="row">The row.</param>
    /// <param name="panel">The panel.</param>
    /// <param name="y">Receives 32 outputs.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row<D, I, F, Q>(QuantizedRows x, int row, byte* panel, float* y)
        where D : IDotLanes<I, F>
        where I : struct
        where F : struct
        where Q : IQuantizedElements
    {
        for (var o = 0; o < Width; o++)
        {
            y[o] = 0;
        }

        var values = x.Values + ((nint)row * x.Stride);
        var scales = x.Scales + ((nint)row * x.Groups);
        var starts = x.Starts + ((nint)row * x.Groups);
        for (var group = 0; group < x.Groups; group++)
        {
            var weightScales = (ushort*)(panel + (Q.Group / 4 * Q.QuadBytes));
            for (var o = 0; o < 8; o += D.Count)
            {
                I a = D.All(starts[group]), b = a, c = a, d = a;
                var quad = panel;
                for (nint i = 0; i < Q.Group; i += 4)
                {
                    var t = D.AllQuads(values + i);
                    Q.Load<D, I, F>(quad, o, out var u, out var v);
                    a = D.Dot(a, u, t);
                    b = D.Dot(b, v, t);
                    Q.Load<D, I, F>(quad, o + 16, out u, out v);
                    c = D.Dot(c, u, t);
                    d = D.Dot(d, v, t);
                    Prefetch.Ahead(quad);
                    if (Q.QuadBytes > 64)
                    {
                        Prefetch.Ahead(quad + 64);
                    }

                    quad += Q.QuadBytes;
                }

                Prefetch.Ahead(quad);
                var scale = scales[group];
                D.Accumulate(a, D.LoadScales(weightScales + o), scale, y + o);
                D.Accumulate(b, D.LoadScales(weightScales + o + 8), scale, y + o + 8);
                D.Accumulate(c, D.LoadScales(weightScales + o + 16), scale, y + o + 16);
                D.Accumulate(d, D.LoadScales(weightScales + o + 24), scale, y + o + 24);
            }

            values += Q.Group;
            panel = (byte*)(weightScales + Width);
        }
    }

    /// <summary>
    /// Adds six rows × two vectors of outputs, over all groups, to <paramref name="c"/>.
    /// Roofline: the integer units. A quad takes 12 dot products (6 cycles on two units) and 8 loads (4 cycles). int4
    /// takes three more instructions a quad to unpack. Every group takes 12 conversions and FMAs.
    /// </summary>
    /// <param name="x">The quantized rows; six rows must be readable.</param>
    /// <param name="row">The first row.</param>
    /// <param name="panel">The panel.</param>
    /// <param name="output">The first output of the first vector; the second vector begins 8 outputs later.</param>
    /// <param name="c">(6, 32): the first row's first output.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile<D, I, F, Q>(QuantizedRows x, int row, byte* panel, int output, float* c)
        where D : IDotLanes<I, F>
        where I : struct
        where F : struct
        where Q : IQuantizedElements
    {
        nint stride = x.Stride, groups = x.Groups;
        var values = x.Values + (row * stride);
        var scales = x.Scales + (row * groups);
        var starts = x.Starts + (row * groups);
        for (nint group = 0; group < groups; group++)
        {
            I a0 = D.All(*starts), a1 = D.All(starts[groups]), a2 = D.All(starts[2 * groups]);
            I a3 = D.All(starts[3 * groups]), a4 = D.All(starts[4 * groups]), a5 = D.All(starts[5 * groups]);
            I b0 = a0, b1 = a1, b2 = a2, b3 = a3, b4 = a4, b5 = a5;
            sbyte* x0 = values, x1 = x0 + stride, x2 = x1 + stride;
            sbyte* x3 = x2 + stride, x4 = x3 + stride, x5 = x4 + stride;
            for (nint i = 0; i < Q.Group; i += 4)
            {
                Q.Load<D, I, F>(panel, output, out var u, out var v);
                panel += Q.QuadBytes;
                var t = D.AllQuads(x0 + i);
                a0 = D.Dot(a0, u, t);
                b0 = D.Dot(b0, v, t);
                t = D.AllQuads(x1 + i);
                a1 = D.Dot(a1, u, t);
                b1 = D.Dot(b1, v, t);
                t = D.AllQuads(x2 + i);
                a2 = D.Dot(a2, u, t);
                b2 = D.Dot(b2, v, t);
                t = D.AllQuads(x3 + i);
                a3 = D.Dot(a3, u, t);
                b3 = D.Dot(b3, v, t);
                t = D.AllQuads(x4 + i);
                a4 = D.Dot(a4, u, t);
                b4 = D.Dot(b4, v, t);
                t = D.AllQuads(x5 + i);
                a5 = D.Dot(a5, u, t);
                b5 = D.Dot(b5, v, t);
            }

            F s = D.LoadScales((ushort*)panel + output), r = D.LoadScales((ushort*)panel + output + 8);
            panel += Width * sizeof(ushort);
            D.Accumulate(a0, s, *scales, c);
            D.Accumulate(b0, r, *scales, c + 8);
            D.Accumulate(a1, s, scales[groups], c + Width);
            D.Accumulate(b1, r, scales[groups], c + Width + 8);
            D.Accumulate(a2, s, scales[2 * groups], c + (2 * Width));
            D.Accumulate(b2, r, scales[2 * groups], c + (2 * Width) + 8);
            D.Accumulate(a3, s, scales[3 * groups], c + (3 * Width));
            D.Accumulate(b3, r, scales[3 * groups], c + (3 * Width) + 8);
            D.Accumulate(a4, s, scales[4 * groups], c + (4 * Width));
            D.Accumulate(b4, r, scales[4 * groups], c + (4 * Width) + 8);
            D.Accumulate(a5, s, scales[5 * groups], c + (5 * Width));
            D.Accumulate(b5, r, scales[5 * groups], c + (5 * Width) + 8);
            values += Q.Group;
            scales++;
            starts++;
        }
    }

    /// <summary>Rows × panel into a tile of (rows rounded up to six, 32) floats, which is overwritten.</summary>
    /// <param name="x">The quantized rows; memory of the rows rounded up to six must be readable.</param>
    /// <param name="firstRow">The first row.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="panel">The panel.</param>
    /// <param name="tile">Receives (rows, 32).</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Panel<D, I, F, Q>(QuantizedRows x, int firstRow, int rows, byte* panel, float* tile)
        where D : IDotLanes<I, F>
        where I : struct
        where F : struct
        where Q : IQuantizedElements
    {
        if (rows == 1)
        {
            Row<D, I, F, Q>(x, firstRow, panel, tile);
            return;
        }

        var padded = (rows + Tiles.Rows - 1) / Tiles.Rows * Tiles.Rows;
        new Span<float>(tile, padded * Width).Clear();
        for (var row = 0; row < rows; row += Tiles.Rows)
        {
            for (var o = 0; o < 8; o += D.Count)
            {
                Tile<D, I, F, Q>(x, firstRow + row, panel, o, tile + (row * Width) + o);
                Tile<D, I, F, Q>(x, firstRow + row, panel, o + 16, tile + (row * Width) + o + 16);
            }
        }
    }
}
