using System.Runtime.CompilerServices;
using TorchKv.Runtime.Cpu.Memory;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// Causal attention of one head over the blocks of one sequence.
/// Every number has one order of operations, and absolute key positions fix it:
/// a score is a chain of FMAs over the head's dimensions;
/// the softmax subtracts the greatest score, its sum adds key j in lane j mod 16, and a fixed tree adds the lanes;
/// an output is a chain of FMAs over keys 0, 1, …, divided by that sum.
/// So the result of a query does not depend on which queries are computed with it.
/// </summary>
/// <remarks>
/// Memory of keys and values past the query's position may hold anything, NaN included. Whole blocks are scored, but
/// −∞ replaces the scores past the position before they are used, and values past it are never read.
/// </remarks>
internal static unsafe class Attention
{
    private const int Block = KvLayout.BlockSize;

    /// <summary>
    /// The longest sequence, in blocks, for which a single query prefetches the next head's keys and values. In longer
    /// sequences the prefetched data would leave the second-level cache before it is read; there the query prefetches
    /// its own head's next blocks instead. One head's keys or values in a block are 2 or 4 KiB, too short for the
    /// hardware prefetcher to run ahead of.
    /// </summary>
    private const int NextHeadBlocks = 16;

    /// <summary>Computes one head for up to six queries at consecutive positions.</summary>
    /// <param name="layout">Where keys and values lie in a block.</param>
    /// <param name="pool">This layer's blocks.</param>
    /// <param name="table">The sequence's block table.</param>
    /// <param name="head">The head.</param>
    /// <param name="q">(queries, head_dim), rows <paramref name="ldq"/> apart; six rows must be readable.</param>
    /// <param name="ldq">Floats from query to query.</param>
    /// <param name="queries">1 … 6.</param>
    /// <param name="position">Position of the first query.</param>
    /// <param name="scale">The factor of the scores.</param>
    /// <param name="nextHead">
    /// Whether the caller computes the next head after this one; its keys and values may then be prefetched.
    /// </param>
    /// <param name="scores">Scratch memory: six rows of <paramref name="lds"/> floats.</param>
    /// <param name="lds">At least position + queries, rounded up to 16.</param>
    /// <param name="output">
    /// Receives (queries, head_dim), rows <see cref="KvLayout.ValueStride"/> apart; six rows are overwritten.
    /// </param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Head<L, V, E>(
        in KvLayout layout,
        byte* pool,
        int* table,
        int head,
        float* q,
        nint ldq,
        int queries,
        int position,
        float scale,
        bool nextHead,
        float* scores,
        nint lds,
        float* output)
        where L : IFloatLanes<V>
        where V : struct
        where E : IElements
    {
        var blocks = (position + queries + Block - 1) / Block;
        var keys = pool + ((nint)head * layout.HeadDim * Block * E.Bytes);
        var values = pool + layout.ValuesAt + ((nint)head * Block * layout.ValueStride * E.Bytes);
        var prefetchesHead = queries == 1 && nextHead && blocks <= NextHeadBlocks;
        if (queries == 1)
        {
            var next = prefetchesHead ? layout.HeadDim * Block * E.Bytes : 0;
            RowScores<L, V, E>(layout, keys, values, table, blocks, q, next, scores);
        }
        else
        {
            TileScores<L, V, E>(layout, keys, table, blocks, q, ldq, scores, lds);
        }

        var sums = stackalloc float[Tiles.Rows];
        for (var i = 0; i < queries; i++)
        {
            sums[i] = Softmax<L, V>(scores + (i * lds), position + i + 1, blocks * Block, scale);
        }

        new Span<float>(output, Tiles.Rows * layout.ValueStride).Clear();
        var common = 0;
        if (queries > 1)
        {
            // The keys that all queries attend to are computed together, the rest for each query apart.
            common = position + 1;
            TileValues<L, V, E>(layout, values, table, scores, lds, common, output);
        }

        for (var i = 0; i < queries; i++)
        {
            var to = output + (i * layout.ValueStride);
            RowValues<L, V, E>(
                layout,
                values,
                table,
                scores + (i * lds),
                common,
                position + i + 1,
                prefetchesHead ? Block * layout.ValueStride * E.Bytes : 0,
                to);
            var sum = L.All(sums[i]);
            for (var o = 0; o < layout.ValueStride; o += L.Count)
            {
                L.Store(L.Divide(L.Load(to + o), sum), to + o);
            }
        }
    }

    /// <summary>
    /// Scores six queries against all keys of the blocks, including those past the queries' positions.
    /// Roofline: the FMA units.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TileScores<L, V, E>(
        in KvLayout layout, byte* keys, int* table, int blocks, float* q, nint ldq, float* scores, nint lds)
        where L : IFloatLanes<V>
        where V : struct
        where E : IElements
    {
        for (var i = 0; i < Tiles.Rows; i++)
        {
            new Span<float>(scores + (i * lds), blocks * Block).Clear();
        }

        for (var block = 0; block < blocks; block += 2)
        {
            // Two blocks at once. If the number of blocks is odd, the last one is computed twice.
            var second = block + 1 < blocks ? Block : 0;
            var k0 = keys + ((nint)table[block] * layout.Bytes);
            var k1 = second != 0 ? keys + ((nint)table[block + 1] * layout.Bytes) : k0;

            // Prefetch the next two blocks: each is too short for the hardware prefetcher to run ahead of.
            var ahead = keys + ((nint)table[Math.Min(block + 2, blocks - 1)] * layout.Bytes);
            Prefetch.Lines(keys + ((nint)table[Math.Min(block + 3, blocks - 1)] * layout.Bytes), Block * E.Bytes * 16);
            for (var o = 0; o < Block; o += L.Count)
            {
                byte* w = k0 + (o * E.Bytes), w2 = k1 + (o * E.Bytes);
                Tiles.Tile<L, V, E>(
                    q,
                    ldq,
                    w,
                    w2,
                    Block,
                    layout.HeadDim,
                    scores + (block * Block) + o,
                    second,
                    lds,
                    ahead,
                    o == 0 ? Block * E.Bytes : 0);
            }
        }
    }

    /// <summary>
    /// Scores one query against all keys of the blocks.
    /// Roofline: memory (the keys). Four blocks are scored at once: an FMA takes four cycles, which four chains hide,
    /// and four streams keep more loads in flight.
    /// </summary>
    /// <param name="layout">Where keys and values lie in a block.</param>
    /// <param name="keys">The head's keys in block 0 of the pool.</param>
    /// <param name="values">The head's values in block 0 of the pool, which are read next.</param>
    /// <param name="table">The sequence's block table.</param>
    /// <param name="blocks">The number of blocks to score.</param>
    /// <param name="q">(head_dim).</param>
    /// <param name="next">
    /// Bytes from this head's keys to the next head's, which are prefetched; 0: the next four blocks are prefetched,
    /// after the last keys the first values.
    /// </param>
    /// <param name="scores">Receives (blocks · 16).</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RowScores<L, V, E>(
        in KvLayout layout,
        byte* keys,
        byte* values,
        int* table,
        int blocks,
        float* q,
        nint next,
        float* scores)
        where L : IFloatLanes<V>
        where V : struct
        where E : IElements
    {
        for (var block = 0; block < blocks; block += 4)
        {
            // If fewer than four blocks are left, the last one is computed and stored again, with the same result.
            var last = blocks - 1;
            int i1 = Math.Min(block + 1, last), i2 = Math.Min(block + 2, last), i3 = Math.Min(block + 3, last);
            var following = block + 4 < blocks ? block + 4 : 0;
            var ahead = following > 0 ? keys : values;
            for (var o = 0; o < Block; o += L.Count)
            {
                var at = o * E.Bytes;
                byte* w0 = keys + ((nint)table[block] * layout.Bytes) + at;
                byte* w1 = keys + ((nint)table[i1] * layout.Bytes) + at;
                byte* w2 = keys + ((nint)table[i2] * layout.Bytes) + at;
                byte* w3 = keys + ((nint)table[i3] * layout.Bytes) + at;
                byte* p0 = w0 + next, p1 = w1 + next, p2 = w2 + next, p3 = w3 + next;
                if (next == 0)
                {
                    p0 = ahead + ((nint)table[following] * layout.Bytes) + at;
                    p1 = ahead + ((nint)table[Math.Min(following + 1, last)] * layout.Bytes) + at;
                    p2 = ahead + ((nint)table[Math.Min(following + 2, last)] * layout.Bytes) + at;
                    p3 = ahead + ((nint)table[Math.Min(following + 3, last)] * layout.Bytes) + at;
                }

                V a = L.All(0), b = a, c = a, d = a;
                for (nint i = 0, j = 0; i < layout.HeadDim; i++, j += Block * E.Bytes)
                {
                    Prefetch.Line(p0 + j);
                    Prefetch.Line(p1 + j);
                    Prefetch.Line(p2 + j);
                    Prefetch.Line(p3 + j);
                    var t = L.All(q[i]);
                    a = L.Fma(t, E.Load<L, V>(w0 + j), a);
                    b = L.Fma(t, E.Load<L, V>(w1 + j), b);
                    c = L.Fma(t, E.Load<L, V>(w2 + j), c);
                    d = L.Fma(t, E.Load<L, V>(w3 + j), d);
                }

                L.Store(a, scores + (block * Block) + o);
                L.Store(b, scores + (i1 * Block) + o);
                L.Store(c, scores + (i2 * Block) + o);
                L.Store(d, scores + (i3 * Block) + o);
            }
        }
    }

    /// <summary>
    /// Replaces scores by e^(scale · score − greatest), those from <paramref name="count"/> on by 0; returns their sum.
    /// Roofline: arithmetic, exp's 15 instructions per vector.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Softmax<L, V>(float* scores, int count, int padded, float scale)
        where L : IFloatLanes<V>
        where V : struct
    {
        for (var j = count; j < padded; j++)
        {
            scores[j] = float.NegativeInfinity;
        }

        var factor = L.All(scale);
        var most = L.All(float.NegativeInfinity);
        for (var j = 0; j < padded; j += L.Count)
        {
            var s = L.Multiply(L.Load(scores + j), factor);
            L.Store(s, scores + j);
            most = L.IfGreater(s, most, s, most);
        }

        var part = stackalloc float[Block];
        L.Store(most, part);
        var max = part[0];
        for (var i = 1; i < L.Count; i++)
        {
            max = part[i] > max ? part[i] : max;
        }

        most = L.All(max);
        for (var j = 0; j < padded; j += L.Count)
        {
            L.Store(Functions.Exp<L, V>(L.Subtract(L.Load(scores + j), most)), scores + j);
        }

        for (var j = count; j < padded; j++)
        {
            scores[j] = 0;
        }

        for (var lane = 0; lane < Block; lane += L.Count)
        {
            var sum = L.All(0);
            for (var j = lane; j < padded; j += Block)
            {
                sum = L.Add(sum, L.Load(scores + j));
            }

            L.Store(sum, part + lane);
        }

        return Normalization.Tree(part);
    }

    /// <summary>
    /// Adds the weighted values of the first <paramref name="count"/> keys to the outputs of six queries.
    /// Roofline: the FMA units.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TileValues<L, V, E>(
        in KvLayout layout, byte* values, int* table, float* weights, nint lds, int count, float* output)
        where L : IFloatLanes<V>
        where V : struct
        where E : IElements
    {
        var n = L.Count;
        for (var start = 0; start < count; start += Block)
        {
            var v = values + ((nint)table[start / Block] * layout.Bytes);
            var ahead = values + ((nint)table[Math.Min((start / Block) + 1, (count - 1) / Block)] * layout.Bytes);
            for (var o = 0; o < layout.ValueStride; o += 2 * n)
            {
                var second = o + n < layout.ValueStride ? n : 0;
                var w = v + (o * E.Bytes);
                Tiles.Tile<L, V, E>(
                    weights + start,
                    lds,
                    w,
                    w + (second * E.Bytes),
                    layout.ValueStride,
                    Math.Min(Block, count - start),
                    output + o,
                    second,
                    layout.ValueStride,
                    ahead + (o * E.Bytes),
                    layout.ValueStride * E.Bytes);
            }
        }
    }

    /// <summary>
    /// Adds the weighted values of keys <paramref name="from"/> to <paramref name="to"/> − 1 to one query's output.
    /// Roofline: memory (the values).
    /// </summary>
    /// <param name="layout">Where keys and values lie in a block.</param>
    /// <param name="values">The head's values in block 0 of the pool.</param>
    /// <param name="table">The sequence's block table.</param>
    /// <param name="weights">The attention weight of every key.</param>
    /// <param name="from">The first key.</param>
    /// <param name="to">The key after the last one.</param>
    /// <param name="next">
    /// Bytes from this head's values to the next head's, which are prefetched; 0: the next block is prefetched.
    /// </param>
    /// <param name="output">(<see cref="KvLayout.ValueStride"/>): the sums are added to it.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RowValues<L, V, E>(
        in KvLayout layout, byte* values, int* table, float* weights, int from, int to, nint next, float* output)
        where L : IFloatLanes<V>
        where V : struct
        where E : IElements
    {
        var n = L.Count;
        nint step = n * E.Bytes, stride = layout.ValueStride * E.Bytes;
        var o = 0;
        for (; o + (4 * n) <= layout.ValueStride; o += 4 * n)
        {
            V a = L.Load(output + o), b = L.Load(output + o + n);
            V c = L.Load(output + o + (2 * n)), d = L.Load(output + o + (3 * n));
            for (var key = from; key < to;)
            {
                var w = values + ((nint)table[key / Block] * layout.Bytes) + (key % Block * stride) + (o * E.Bytes);
                var following = Math.Min((key / Block) + 1, (to - 1) / Block);
                var ahead = next != 0
                    ? w + next
                    : values + ((nint)table[following] * layout.Bytes) + (key % Block * stride) + (o * E.Bytes);
                for (var end = Math.Min(to, (key / Block * Block) + Block); key < end; key++)
                {
                    Prefetch.Line(ahead);
                    Prefetch.Line(ahead + step);
                    Prefetch.Line(ahead + (2 * step));
                    Prefetch.Line(ahead + (3 * step));
                    ahead += stride;
                    var t = L.All(weights[key]);
                    a = L.Fma(t, E.Load<L, V>(w), a);
                    b = L.Fma(t, E.Load<L, V>(w + step), b);
                    c = L.Fma(t, E.Load<L, V>(w + (2 * step)), c);
                    d = L.Fma(t, E.Load<L, V>(w + (3 * step)), d);
                    w += stride;
                }
            }

            L.Store(a, output + o);
            L.Store(b, output + o + n);
            L.Store(c, output + o + (2 * n));
            L.Store(d, output + o + (3 * n));
        }

        for (; o < layout.ValueStride; o += n)
        {
            var a = L.Load(output + o);
            for (var key = from; key < to; key++)
            {
                var w = values + ((nint)table[key / Block] * layout.Bytes) + (key % Block * stride) + (o * E.Bytes);
                a = L.Fma(L.All(weights[key]), E.Load<L, V>(w), a);
            }

            L.Store(a, output + o);
        }
    }
}
