using System.Runtime.CompilerServices;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// Products of rows quantized to int8 with panels of int8, six-bit or int4 weights, both with a scale a group.
/// A panel is a run of groups; a group is its quads, (group / 4, 32 outputs, 4 inputs), then 32 scales in bfloat16.
/// Within a group the sum is an integer and exact. Groups are added front to back:
/// <c>acc = fma(Σ, weightScale · rowScale, acc)</c>. Weights are stored unsigned (w + offset), for the sake of <c>vpdpbusd</c>;
/// a sum therefore starts at −offset · Σx, which comes with the row.
/// </summary>
internal static unsafe class QuantizedMatMul
{
    private const int Width = PackedMatrix.PanelWidth;

    /// <summary>Bytes of a group's weights and scales for 32 outputs.</summary>
    public static int GroupBytes<Q>()
        where Q : IQuantizedElements => (Q.Group / 4 * Q.QuadBytes) + (Width * sizeof(ushort));

    /// <summary>
    /// One row (decode): y[0 … 32) = x · panel.
    /// Roofline: memory; a quad's 128 (int8), 96 (six bits) or 64 (int4) bytes take four dot products, 4 cycles of their latency.
    /// </summary>
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
                    Fetch.Ahead(quad);
                    if (Q.QuadBytes > 64)
                    {
                        Fetch.Ahead(quad + 64);
                    }

                    quad += Q.QuadBytes;
                }

                Fetch.Ahead(quad);
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
    /// Six rows × two vectors of outputs over all groups, added to <paramref name="c"/>.
    /// Roofline: the integer units. Per quad 12 dot products (6 cycles on two units) against 8 loads (4 cycles); int4 adds three
    /// instructions of unpacking a quad, and every group 12 conversions and FMAs.
    /// </summary>
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
            sbyte* x0 = values, x1 = x0 + stride, x2 = x1 + stride, x3 = x2 + stride, x4 = x3 + stride, x5 = x4 + stride;
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
