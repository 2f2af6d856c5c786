using System.Runtime.CompilerServices;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// Products of a few rows with two vectors of outputs. The sums stay in registers. Every sum is a chain in order of k;
/// see <see cref="MatMul"/>.
/// </summary>
internal static unsafe class Tiles
{
    /// <summary>
    /// Rows of <see cref="Tile"/>. 6 rows × 2 vectors are 12 chains in 15 registers. Two FMA units of four cycles'
    /// latency need 8.
    /// </summary>
    public const int Rows = 6;

    /// <summary>Rows of <see cref="TallTile"/>.</summary>
    public const int TallRows = 12;

    /// <summary>Rows of <see cref="EightTile"/>.</summary>
    public const int EightRows = 8;

    /// <summary>Rows of <see cref="ShortTile"/>.</summary>
    public const int ShortRows = 4;

    /// <summary>Bytes that a tile can prefetch per k: two cache lines.</summary>
    public const nint MostAhead = 2 * Prefetch.CacheLine;

    /// <summary>
    /// Rows that must have memory when tiles cover <paramref name="rows"/> rows: the last tile may have more rows than
    /// are left.
    /// </summary>
    public static int PaddedRows(int rows) => (rows + TallRows - 1) / TallRows * TallRows;

    /// <summary>Rows of the next tile when <paramref name="rows"/> rows are left.</summary>
    /// <param name="rows">The rows left.</param>
    /// <param name="tall">Whether there are 32 vector registers, which tiles of 8 and 12 rows need.</param>
    public static int Height(int rows, bool tall) => rows switch
    {
        > 2 * EightRows when tall => TallRows,
        > TallRows when tall => EightRows,
        > EightRows when tall => TallRows,
        > Rows when tall => EightRows,
        > ShortRows => Rows,
        _ => ShortRows,
    };

    /// <summary>
    /// Continues the chains of six rows × two vectors of outputs in <paramref name="c"/>.
    /// Roofline: the FMA units. A step of k takes 12 FMAs (6 cycles on two units) and 8 loads (4 cycles). The weights
    /// and the six rows of x come from the first two cache levels.
    /// </summary>
    /// <param name="x">(6, k), rows <paramref name="ldx"/> apart.</param>
    /// <param name="ldx">Floats from row to row.</param>
    /// <param name="w">Weights of the first vector: (k, vector), rows <paramref name="ldw"/> elements apart.</param>
    /// <param name="w2">Weights of the second vector, likewise.</param>
    /// <param name="ldw">Elements from row to row.</param>
    /// <param name="k">Inputs.</param>
    /// <param name="c">(6, vector), rows <paramref name="ldc"/> apart: the sums so far.</param>
    /// <param name="second">
    /// Floats from the first vector to the second one in a row of <paramref name="c"/>. To compute only one vector,
    /// pass 0 and the same <paramref name="w2"/> as <paramref name="w"/>.
    /// </param>
    /// <param name="ldc">Floats from row to row.</param>
    /// <param name="ahead">The memory to prefetch into the second-level cache: the weights that are read next.</param>
    /// <param name="aheadStep">
    /// Bytes that <paramref name="ahead"/> moves with every k, at most <see cref="MostAhead"/>. With 0 it stays in
    /// place.
    /// </param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile<L, V, E>(
        float* x,
        nint ldx,
        byte* w,
        byte* w2,
        nint ldw,
        nint k,
        float* c,
        nint second,
        nint ldc,
        byte* ahead,
        nint aheadStep)
        where L : IFloatLanes<V>
        where V : struct
        where E : IElements
    {
        var stride = ldw * E.Bytes;
        float* x0 = x, x1 = x0 + ldx, x2 = x1 + ldx, x3 = x2 + ldx, x4 = x3 + ldx, x5 = x4 + ldx;
        float* c0 = c, c1 = c0 + ldc, c2 = c1 + ldc, c3 = c2 + ldc, c4 = c3 + ldc, c5 = c4 + ldc;
        V a0 = L.Load(c0), a1 = L.Load(c1), a2 = L.Load(c2), a3 = L.Load(c3), a4 = L.Load(c4), a5 = L.Load(c5);
        V b0 = L.Load(c0 + second), b1 = L.Load(c1 + second), b2 = L.Load(c2 + second);
        V b3 = L.Load(c3 + second), b4 = L.Load(c4 + second), b5 = L.Load(c5 + second);
        for (nint i = 0; i < k; i++)
        {
            V u = E.Load<L, V>(w), v = E.Load<L, V>(w2);
            w += stride;
            w2 += stride;
            Prefetch.Line(ahead);
            Prefetch.Line(ahead + Prefetch.CacheLine);
            ahead += aheadStep;
            var t = L.All(x0[i]);
            a0 = L.Fma(t, u, a0);
            b0 = L.Fma(t, v, b0);
            t = L.All(x1[i]);
            a1 = L.Fma(t, u, a1);
            b1 = L.Fma(t, v, b1);
            t = L.All(x2[i]);
            a2 = L.Fma(t, u, a2);
            b2 = L.Fma(t, v, b2);
            t = L.All(x3[i]);
            a3 = L.Fma(t, u, a3);
            b3 = L.Fma(t, v, b3);
            t = L.All(x4[i]);
            a4 = L.Fma(t, u, a4);
            b4 = L.Fma(t, v, b4);
            t = L.All(x5[i]);
            a5 = L.Fma(t, u, a5);
            b5 = L.Fma(t, v, b5);
        }

        L.Store(a0, c0);
        L.Store(b0, c0 + second);
        L.Store(a1, c1);
        L.Store(b1, c1 + second);
        L.Store(a2, c2);
        L.Store(b2, c2 + second);
        L.Store(a3, c3);
        L.Store(b3, c3 + second);
        L.Store(a4, c4);
        L.Store(b4, c4 + second);
        L.Store(a5, c5);
        L.Store(b5, c5 + second);
    }

    /// <summary>
    /// <see cref="Tile"/> for four rows. Its 8 chains are just enough for two FMA units of four cycles' latency.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ShortTile<L, V, E>(
        float* x,
        nint ldx,
        byte* w,
        byte* w2,
        nint ldw,
        nint k,
        float* c,
        nint second,
        nint ldc,
        byte* ahead,
        nint aheadStep)
        where L : IFloatLanes<V>
        where V : struct
        where E : IElements
    {
        var stride = ldw * E.Bytes;
        float* x0 = x, x1 = x0 + ldx, x2 = x1 + ldx, x3 = x2 + ldx;
        float* c0 = c, c1 = c0 + ldc, c2 = c1 + ldc, c3 = c2 + ldc;
        V a0 = L.Load(c0), a1 = L.Load(c1), a2 = L.Load(c2), a3 = L.Load(c3);
        V b0 = L.Load(c0 + second), b1 = L.Load(c1 + second), b2 = L.Load(c2 + second), b3 = L.Load(c3 + second);
        for (nint i = 0; i < k; i++)
        {
            V u = E.Load<L, V>(w), v = E.Load<L, V>(w2);
            w += stride;
            w2 += stride;
            Prefetch.Line(ahead);
            Prefetch.Line(ahead + Prefetch.CacheLine);
            ahead += aheadStep;
            var t = L.All(x0[i]);
            a0 = L.Fma(t, u, a0);
            b0 = L.Fma(t, v, b0);
            t = L.All(x1[i]);
            a1 = L.Fma(t, u, a1);
            b1 = L.Fma(t, v, b1);
            t = L.All(x2[i]);
            a2 = L.Fma(t, u, a2);
            b2 = L.Fma(t, v, b2);
            t = L.All(x3[i]);
            a3 = L.Fma(t, u, a3);
            b3 = L.Fma(t, v, b3);
        }

        L.Store(a0, c0);
        L.Store(b0, c0 + second);
        L.Store(a1, c1);
        L.Store(b1, c1 + second);
        L.Store(a2, c2);
        L.Store(b2, c2 + second);
        L.Store(a3, c3);
        L.Store(b3, c3 + second);
    }

    /// <summary>
    /// <see cref="Tile"/> for twelve rows, on machines with 32 vector registers. A step of k takes 24 FMAs and 14
    /// loads. While memory delivers a panel, it computes twice as much as <see cref="Tile"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TallTile<L, V, E>(
        float* x,
        nint ldx,
        byte* w,
        byte* w2,
        nint ldw,
        nint k,
        float* c,
        nint second,
        nint ldc,
        byte* ahead,
        nint aheadStep)
        where L : IFloatLanes<V>
        where V : struct
        where E : IElements
    {
        // Two base pointers and strides, since twelve row pointers would not fit the general registers.
        nint stride = ldw * E.Bytes, s = ldx * sizeof(float), s3 = 3 * s, s5 = 5 * s;
        byte* p = (byte*)x, q = p + (6 * s);
        var d = c + (6 * ldc);
        V a0 = L.Load(c), b0 = L.Load(c + second);
        V a1 = L.Load(c + ldc), b1 = L.Load(c + ldc + second);
        V a2 = L.Load(c + (2 * ldc)), b2 = L.Load(c + (2 * ldc) + second);
        V a3 = L.Load(c + (3 * ldc)), b3 = L.Load(c + (3 * ldc) + second);
        V a4 = L.Load(c + (4 * ldc)), b4 = L.Load(c + (4 * ldc) + second);
        V a5 = L.Load(c + (5 * ldc)), b5 = L.Load(c + (5 * ldc) + second);
        V a6 = L.Load(d), b6 = L.Load(d + second);
        V a7 = L.Load(d + ldc), b7 = L.Load(d + ldc + second);
        V a8 = L.Load(d + (2 * ldc)), b8 = L.Load(d + (2 * ldc) + second);
        V a9 = L.Load(d + (3 * ldc)), b9 = L.Load(d + (3 * ldc) + second);
        V a10 = L.Load(d + (4 * ldc)), b10 = L.Load(d + (4 * ldc) + second);
        V a11 = L.Load(d + (5 * ldc)), b11 = L.Load(d + (5 * ldc) + second);
        for (; k > 0; k--)
        {
            V u = E.Load<L, V>(w), v = E.Load<L, V>(w2);
            w += stride;
            w2 += stride;
            Prefetch.Line(ahead);
            Prefetch.Line(ahead + Prefetch.CacheLine);
            ahead += aheadStep;
            var t = L.All(*(float*)(p));
            a0 = L.Fma(t, u, a0);
            b0 = L.Fma(t, v, b0);
            t = L.All(*(float*)(p + s));
            a1 = L.Fma(t, u, a1);
            b1 = L.Fma(t, v, b1);
            t = L.All(*(float*)(p + (2 * s)));
            a2 = L.Fma(t, u, a2);
            b2 = L.Fma(t, v, b2);
            t = L.All(*(float*)(p + s3));
            a3 = L.Fma(t, u, a3);
            b3 = L.Fma(t, v, b3);
            t = L.All(*(float*)(p + (4 * s)));
            a4 = L.Fma(t, u, a4);
            b4 = L.Fma(t, v, b4);
            t = L.All(*(float*)(p + s5));
            a5 = L.Fma(t, u, a5);
            b5 = L.Fma(t, v, b5);
            t = L.All(*(float*)(q));
            a6 = L.Fma(t, u, a6);
            b6 = L.Fma(t, v, b6);
            t = L.All(*(float*)(q + s));
            a7 = L.Fma(t, u, a7);
            b7 = L.Fma(t, v, b7);
            t = L.All(*(float*)(q + (2 * s)));
            a8 = L.Fma(t, u, a8);
            b8 = L.Fma(t, v, b8);
            t = L.All(*(float*)(q + s3));
            a9 = L.Fma(t, u, a9);
            b9 = L.Fma(t, v, b9);
            t = L.All(*(float*)(q + (4 * s)));
            a10 = L.Fma(t, u, a10);
            b10 = L.Fma(t, v, b10);
            t = L.All(*(float*)(q + s5));
            a11 = L.Fma(t, u, a11);
            b11 = L.Fma(t, v, b11);
            p += sizeof(float);
            q += sizeof(float);
        }

        L.Store(a0, c);
        L.Store(b0, c + second);
        L.Store(a1, c + ldc);
        L.Store(b1, c + ldc + second);
        L.Store(a2, c + (2 * ldc));
        L.Store(b2, c + (2 * ldc) + second);
        L.Store(a3, c + (3 * ldc));
        L.Store(b3, c + (3 * ldc) + second);
        L.Store(a4, c + (4 * ldc));
        L.Store(b4, c + (4 * ldc) + second);
        L.Store(a5, c + (5 * ldc));
        L.Store(b5, c + (5 * ldc) + second);
        L.Store(a6, d);
        L.Store(b6, d + second);
        L.Store(a7, d + ldc);
        L.Store(b7, d + ldc + second);
        L.Store(a8, d + (2 * ldc));
        L.Store(b8, d + (2 * ldc) + second);
        L.Store(a9, d + (3 * ldc));
        L.Store(b9, d + (3 * ldc) + second);
        L.Store(a10, d + (4 * ldc));
        L.Store(b10, d + (4 * ldc) + second);
        L.Store(a11, d + (5 * ldc));
        L.Store(b11, d + (5 * ldc) + second);
    }

    /// <summary>
    /// <see cref="TallTile"/> for eight rows. A step of k takes 16 FMAs and 10 loads. Sixteen rows take less time as 8
    /// + 8 than as 12 + 4, because the 8 chains of <see cref="ShortTile"/> leave the FMA units no slack.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void EightTile<L, V, E>(
        float* x,
        nint ldx,
        byte* w,
        byte* w2,
        nint ldw,
        nint k,
        float* c,
        nint second,
        nint ldc,
        byte* ahead,
        nint aheadStep)
        where L : IFloatLanes<V>
        where V : struct
        where E : IElements
    {
        nint stride = ldw * E.Bytes, s = ldx * sizeof(float), s3 = 3 * s;
        byte* p = (byte*)x, q = p + (4 * s);
        var d = c + (4 * ldc);
        V a0 = L.Load(c), b0 = L.Load(c + second);
        V a1 = L.Load(c + ldc), b1 = L.Load(c + ldc + second);
        V a2 = L.Load(c + (2 * ldc)), b2 = L.Load(c + (2 * ldc) + second);
        V a3 = L.Load(c + (3 * ldc)), b3 = L.Load(c + (3 * ldc) + second);
        V a4 = L.Load(d), b4 = L.Load(d + second);
        V a5 = L.Load(d + ldc), b5 = L.Load(d + ldc + second);
        V a6 = L.Load(d + (2 * ldc)), b6 = L.Load(d + (2 * ldc) + second);
        V a7 = L.Load(d + (3 * ldc)), b7 = L.Load(d + (3 * ldc) + second);
        for (; k > 0; k--)
        {
            V u = E.Load<L, V>(w), v = E.Load<L, V>(w2);
            w += stride;
            w2 += stride;
            Prefetch.Line(ahead);
            Prefetch.Line(ahead + Prefetch.CacheLine);
            ahead += aheadStep;
            var t = L.All(*(float*)(p));
            a0 = L.Fma(t, u, a0);
            b0 = L.Fma(t, v, b0);
            t = L.All(*(float*)(p + s));
            a1 = L.Fma(t, u, a1);
            b1 = L.Fma(t, v, b1);
            t = L.All(*(float*)(p + (2 * s)));
            a2 = L.Fma(t, u, a2);
            b2 = L.Fma(t, v, b2);
            t = L.All(*(float*)(p + s3));
            a3 = L.Fma(t, u, a3);
            b3 = L.Fma(t, v, b3);
            t = L.All(*(float*)(q));
            a4 = L.Fma(t, u, a4);
            b4 = L.Fma(t, v, b4);
            t = L.All(*(float*)(q + s));
            a5 = L.Fma(t, u, a5);
            b5 = L.Fma(t, v, b5);
            t = L.All(*(float*)(q + (2 * s)));
            a6 = L.Fma(t, u, a6);
            b6 = L.Fma(t, v, b6);
            t = L.All(*(float*)(q + s3));
            a7 = L.Fma(t, u, a7);
            b7 = L.Fma(t, v, b7);
            p += sizeof(float);
            q += sizeof(float);
        }

        L.Store(a0, c);
        L.Store(b0, c + second);
        L.Store(a1, c + ldc);
        L.Store(b1, c + ldc + second);
        L.Store(a2, c + (2 * ldc));
        L.Store(b2, c + (2 * ldc) + second);
        L.Store(a3, c + (3 * ldc));
        L.Store(b3, c + (3 * ldc) + second);
        L.Store(a4, d);
        L.Store(b4, d + second);
        L.Store(a5, d + ldc);
        L.Store(b5, d + ldc + second);
        L.Store(a6, d + (2 * ldc));
        L.Store(b6, d + (2 * ldc) + second);
        L.Store(a7, d + (3 * ldc));
        L.Store(b7, d + (3 * ldc) + second);
    }
}
