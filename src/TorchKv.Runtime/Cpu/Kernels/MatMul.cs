using System.Runtime.CompilerServices;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// Products of float32 rows with a panel of float32 or bfloat16 weights.
/// A panel holds <see cref="PackedMatrix.PanelWidth"/> outputs and is K-major: <c>panel[k, lane]</c>.
/// Each output is one chain, <c>acc = fma(x[k], w[k, output], acc)</c> for k = 0, 1, …. The number of rows and the
/// vector width do not change that order, nor does storing the chain to memory and loading it again. So the bits of an
/// output depend only on its row and its column.
/// </summary>
internal static unsafe class MatMul
{
    private const int Width = PackedMatrix.PanelWidth;

    /// <summary>
    /// One row (decode): y[0 … 32) = x · panel.
    /// Roofline: memory. A weight of 4 (or 2) bytes takes 2 flops. A core processes 128 bytes in 4 cycles or less,
    /// several times as fast as memory delivers them. So only the stream of the panel counts; it is read once, front to
    /// back.
    /// </summary>
    /// <param name="x">(k).</param>
    /// <param name="panel">(k, 32).</param>
    /// <param name="k">Inputs.</param>
    /// <param name="y">Receives 32 outputs.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row<L, V, E>(float* x, byte* panel, nint k, float* y)
        where L : IFloatLanes<V>
        where V : struct
        where E : IElements
    {
        var n = L.Count;
        nint step = n * E.Bytes, stride = Width * E.Bytes;
        if (n == 16)
        {
            V a = L.All(0), b = a;
            for (nint i = 0; i < k; i++)
            {
                var t = L.All(x[i]);
                a = L.Fma(t, E.Load<L, V>(panel), a);
                b = L.Fma(t, E.Load<L, V>(panel + step), b);
                if (E.Bytes < sizeof(float))
                {
                    Prefetch.Ahead(panel);
                }

                panel += stride;
            }

            L.Store(a, y);
            L.Store(b, y + n);
            return;
        }

        // Narrower vectors take several passes over a stretch (consecutive inputs) that fits the first-level cache.
        const int Stretch = 128;
        for (var o = 0; o < Width; o++)
        {
            y[o] = 0;
        }

        for (nint start = 0; start < k; start += Stretch)
        {
            var end = Math.Min(k, start + Stretch);
            for (var o = 0; o < Width; o += 4 * n)
            {
                V a = L.Load(y + o), b = L.Load(y + o + n), c = L.Load(y + o + (2 * n)), d = L.Load(y + o + (3 * n));
                var w = panel + (start * stride) + (o * E.Bytes);
                for (var i = start; i < end; i++)
                {
                    var t = L.All(x[i]);
                    a = L.Fma(t, E.Load<L, V>(w), a);
                    b = L.Fma(t, E.Load<L, V>(w + step), b);
                    c = L.Fma(t, E.Load<L, V>(w + (2 * step)), c);
                    d = L.Fma(t, E.Load<L, V>(w + (3 * step)), d);
                    w += stride;
                }

                L.Store(a, y + o);
                L.Store(b, y + o + n);
                L.Store(c, y + o + (2 * n));
                L.Store(d, y + o + (3 * n));
            }
        }
    }

    /// <summary>
    /// Rows × panel into a tile of (<see cref="Tiles.PaddedRows"/>, 32) floats, which is overwritten.
    /// </summary>
    /// <param name="x">
    /// (rows, k), rows <paramref name="ldx"/> apart. <see cref="Tiles.PaddedRows"/> rows must be readable.
    /// </param>
    /// <param name="ldx">Floats from row to row.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="panel">(k, 32).</param>
    /// <param name="k">Inputs.</param>
    /// <param name="tile">Receives (rows, 32).</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Panel<L, V, E>(float* x, nint ldx, int rows, byte* panel, nint k, float* tile)
        where L : IFloatLanes<V>
        where V : struct
        where E : IElements
    {
        if (rows == 1)
        {
            Row<L, V, E>(x, panel, k, tile);
            return;
        }

        // This many inputs of the panel stay in the first-level cache for all rows: 24 KiB of float32.
        const int Inputs = 192;
        nint stride = Width * E.Bytes;
        new Span<float>(tile, Tiles.PaddedRows(rows) * Width).Clear();
        for (nint start = 0; start < k; start += Inputs)
        {
            var count = Math.Min(Inputs, k - start);
            var stretch = panel + (start * stride);
            Stretch<L, V, E>(x + start, ldx, rows, stretch, count, tile, stretch + (count * stride), count * stride);
        }
    }

    /// <summary>Adds rows × a stretch (consecutive inputs) of a panel to a tile.</summary>
    /// <param name="x">
    /// (rows, k), rows <paramref name="ldx"/> apart. <see cref="Tiles.PaddedRows"/> rows must be readable.
    /// </param>
    /// <param name="ldx">Floats from row to row.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="stretch">(k, 32).</param>
    /// <param name="k">Inputs.</param>
    /// <param name="tile">(rows, 32); has room for <see cref="Tiles.PaddedRows"/> rows.</param>
    /// <param name="ahead">The memory to prefetch, which is read next. It may lie past the last panel.</param>
    /// <param name="aheadBytes">Bytes to prefetch.</param>
    /// <remarks>
    /// Memory delivers a stretch in about the time in which sixteen rows multiply one. To overlap the two, the
    /// prefetches are spread evenly over the tiles of the first 48 rows. Without them a tile would wait for memory: it
    /// computes so long per k that the core's own look-ahead does not reach the next stretch, as it does in
    /// <see cref="Row"/>.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Stretch<L, V, E>(
        float* x, nint ldx, int rows, byte* stretch, nint k, float* tile, byte* ahead, nint aheadBytes)
        where L : IFloatLanes<V>
        where V : struct
        where E : IElements
    {
        const int PrefetchRows = 48;
        var n = L.Count;
        var spread = k * Math.Min(rows, PrefetchRows);
        for (var row = 0; row < rows;)
        {
            var height = Tiles.Height(rows - row, tall: n == 16);

            // The limit matters if the tile has more rows than are left: a greater step would skip lines.
            var step = row < PrefetchRows
                ? Math.Min(Tiles.MostAhead, ((aheadBytes * height) + spread - 1) / spread)
                : 0;
            for (var o = 0; o < Width; o += 2 * n)
            {
                var from = x + (row * ldx);
                var w = stretch + (o * E.Bytes);
                var to = tile + (row * Width) + o;
                switch (height)
                {
                    case Tiles.TallRows:
                        Tiles.TallTile<L, V, E>(from, ldx, w, w + (n * E.Bytes), Width, k, to, n, Width, ahead, step);
                        break;
                    case Tiles.EightRows:
                        Tiles.EightTile<L, V, E>(from, ldx, w, w + (n * E.Bytes), Width, k, to, n, Width, ahead, step);
                        break;
                    case Tiles.Rows:
                        Tiles.Tile<L, V, E>(from, ldx, w, w + (n * E.Bytes), Width, k, to, n, Width, ahead, step);
                        break;
                    default:
                        Tiles.ShortTile<L, V, E>(from, ldx, w, w + (n * E.Bytes), Width, k, to, n, Width, ahead, step);
                        break;
                }
            }

            ahead += step * k;
            row += height;
        }
    }

    /// <summary>
    /// Adds 32 biases to every row of a tile of (rows, 32). Roofline: loads and stores of the first-level cache.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddBias<L, V>(float* tile, int rows, float* bias)
        where L : IFloatLanes<V>
        where V : struct
    {
        for (var row = 0; row < rows; row++)
        {
            for (var o = 0; o < Width; o += L.Count)
            {
                L.Store(L.Add(L.Load(tile + o), L.Load(bias + o)), tile + o);
            }

            tile += Width;
        }
    }
}
