using System.Runtime.CompilerServices;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// Products of float32 rows with a panel of bfloat16 weights in 12 bits each (<see cref="CodedPanel"/>).
/// Each output is one chain of <c>acc = fma(x[k], w[k, output], acc)</c>. It runs over k = 0, 1, … up to a multiple of
/// four inputs, with zero in place of the outliers (weights without a code), and then over the outliers in order of k.
/// </summary>
/// <remarks>
/// From the last input to the multiple of four, x and the weights are zero. These steps count: they turn −0 into +0.
/// </remarks>
internal static unsafe class CodedMatMul
{
    private const int Width = PackedMatrix.PanelWidth;

    /// <summary>
    /// One row (decode): y[0 … 32) = x · panel.
    /// Roofline: memory. 128 weights are 192 bytes. With 512-bit vectors they take 8 FMAs, 8 shifts and masks,
    /// 4 interleavings, 2 look-ups and 3 other instructions: about 7 cycles on four units. Memory takes five times as
    /// long to deliver the bytes.
    /// </summary>
    /// <param name="x">(k), followed by zeros up to a multiple of four.</param>
    /// <param name="panel">The panel.</param>
    /// <param name="k">Inputs.</param>
    /// <param name="y">Receives 32 outputs.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row<L, V>(float* x, byte* panel, nint k, float* y)
        where L : IFloatLanes<V>
        where V : struct
    {
        var n = L.Count;
        var stretch = panel;
        if (n == 16)
        {
            V a = L.All(0), b = a;
            for (nint start = 0; start < k; start += CodedPanel.Stretch)
            {
                var table = L.LoadTable(stretch);
                var from = x + start;
                var unit = stretch + CodedPanel.HeaderBytes;
                var end = unit + (Units(k - start) * CodedPanel.UnitBytes);
                Prefetch.Ahead(stretch);
                for (; unit < end; unit += CodedPanel.UnitBytes)
                {
                    Prefetch.Ahead(unit);
                    Prefetch.Ahead(unit + 64);
                    Prefetch.Ahead(unit + 128);
                    L.Decode(table, stretch, unit, unit + 64, 0, false, out var p, out var q, out var r, out var s);
                    V t = L.All(from[0]), u = L.All(from[1]);
                    a = L.Fma(t, p, a);
                    b = L.Fma(t, q, b);
                    a = L.Fma(u, r, a);
                    b = L.Fma(u, s, b);
                    L.Decode(table, stretch, unit, unit + 128, 0, true, out p, out q, out r, out s);
                    t = L.All(from[2]);
                    u = L.All(from[3]);
                    a = L.Fma(t, p, a);
                    b = L.Fma(t, q, b);
                    a = L.Fma(u, r, a);
                    b = L.Fma(u, s, b);
                    from += CodedPanel.Unit;
                }

                stretch = end;
            }

            L.Store(a, y);
            L.Store(b, y + n);
            AddOutliers(x, 0, 1, panel, k, y);
            return;
        }

        for (var o = 0; o < Width; o++)
        {
            y[o] = 0;
        }

        // Narrower vectors take several passes over a stretch, which fits the first-level cache.
        // The first pass prefetches.
        for (nint start = 0; start < k; start += CodedPanel.Stretch)
        {
            var table = L.LoadTable(stretch);
            var units = Units(k - start);
            for (var o = 0; o < 16; o += 2 * n)
            {
                V a = L.Load(y + o), b = L.Load(y + o + 16), c = L.Load(y + o + n), d = L.Load(y + o + n + 16);
                var from = x + start;
                var unit = stretch + CodedPanel.HeaderBytes;
                for (nint i = 0; i < units; i++)
                {
                    if (o == 0)
                    {
                        Prefetch.Ahead(unit);
                        Prefetch.Ahead(unit + 64);
                        Prefetch.Ahead(unit + 128);
                    }

                    for (var half = 0; half < 2; half++)
                    {
                        var lower = unit + 64 + (half * 64);
                        V t = L.All(from[0]), u = L.All(from[1]);
                        L.Decode(table, stretch, unit, lower, o, half != 0, out var p, out var q, out var r, out var s);
                        a = L.Fma(u, r, L.Fma(t, p, a));
                        b = L.Fma(u, s, L.Fma(t, q, b));
                        L.Decode(table, stretch, unit, lower, o + n, half != 0, out p, out q, out r, out s);
                        c = L.Fma(u, r, L.Fma(t, p, c));
                        d = L.Fma(u, s, L.Fma(t, q, d));
                        from += 2;
                    }

                    unit += CodedPanel.UnitBytes;
                }

                L.Store(a, y + o);
                L.Store(b, y + o + 16);
                L.Store(c, y + o + n);
                L.Store(d, y + o + n + 16);
            }

            stretch += CodedPanel.HeaderBytes + (units * CodedPanel.UnitBytes);
        }

        AddOutliers(x, 0, 1, panel, k, y);
    }

    /// <summary>
    /// Rows × panel into a tile of (<see cref="Tiles.PaddedRows"/>, 32) floats, which is overwritten.
    /// Each stretch is widened to float32 once for all rows. That takes a few hundred instructions; the products take
    /// thousands.
    /// </summary>
    /// <param name="x">
    /// (rows, k), rows <paramref name="ldx"/> apart, each followed by zeros up to a multiple of four.
    /// <see cref="Tiles.PaddedRows"/> rows must be readable.
    /// </param>
    /// <param name="ldx">Floats from row to row.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="panel">The panel.</param>
    /// <param name="k">Inputs.</param>
    /// <param name="tile">Receives (rows, 32).</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static void Panel<L, V>(float* x, nint ldx, int rows, byte* panel, nint k, float* tile)
        where L : IFloatLanes<V>
        where V : struct
    {
        if (rows == 1)
        {
            Row<L, V>(x, panel, k, tile);
            return;
        }

        var memory = stackalloc byte[(CodedPanel.Stretch * Width * sizeof(float)) + 64];
        var widened = (byte*)(((nuint)memory + 63) & ~(nuint)63);
        new Span<float>(tile, Tiles.PaddedRows(rows) * Width).Clear();
        var stretch = panel;
        for (nint start = 0; start < k; start += CodedPanel.Stretch)
        {
            var units = Units(k - start);
            Widen<L, V>(stretch, units, (float*)widened);
            stretch += CodedPanel.HeaderBytes + (units * CodedPanel.UnitBytes);
            MatMul.Stretch<L, V, Float32Elements>(
                x + start, ldx, rows, widened, units * CodedPanel.Unit, tile, stretch, CodedPanel.StretchBytes);
        }

        AddOutliers(x, ldx, rows, panel, k, tile);
    }

    /// <summary>Widens a stretch to float32, (units · 4, 32), with zeros in place of outliers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen<L, V>(byte* stretch, nint units, float* to)
        where L : IFloatLanes<V>
        where V : struct
    {
        var n = L.Count;
        var table = L.LoadTable(stretch);
        var unit = stretch + CodedPanel.HeaderBytes;
        for (nint i = 0; i < units; i++)
        {
            for (var half = 0; half < 2; half++)
            {
                for (var o = 0; o < 16; o += n)
                {
                    L.Decode(
                        table,
                        stretch,
                        unit,
                        unit + 64 + (half * 64),
                        o,
                        half != 0,
                        out var p,
                        out var q,
                        out var r,
                        out var s);
                    L.Store(p, to + o);
                    L.Store(q, to + o + 16);
                    L.Store(r, to + o + Width);
                    L.Store(s, to + o + Width + 16);
                }

                to += 2 * Width;
            }

            unit += CodedPanel.UnitBytes;
        }
    }

    /// <summary>
    /// Appends the outliers to each row's chains. In trained models about one weight in ten thousand is an outlier.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddOutliers(float* x, nint ldx, int rows, byte* panel, nint k, float* tile)
    {
        for (nint start = 0; start < k; start += CodedPanel.Stretch)
        {
            var outliers = (uint*)(panel + CodedPanel.Codes);
            for (var i = 0; i < CodedPanel.MaxOutliers && outliers[i] != 0; i++)
            {
                var weight = BFloat16.Widen((ushort)outliers[i]);
                var output = tile + ((outliers[i] >> 16) & 31);
                var input = x + start + (nint)(outliers[i] >> 21);
                for (var row = 0; row < rows; row++)
                {
                    *output = MathF.FusedMultiplyAdd(*input, weight, *output);
                    output += Width;
                    input += ldx;
                }
            }

            panel += CodedPanel.HeaderBytes + (Units(k - start) * CodedPanel.UnitBytes);
        }
    }

    /// <summary>Units of the stretch that begins <paramref name="left"/> inputs before the end of the panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nint Units(nint left) =>
        (Math.Min(CodedPanel.Stretch, left) + CodedPanel.Unit - 1) / CodedPanel.Unit;
}
