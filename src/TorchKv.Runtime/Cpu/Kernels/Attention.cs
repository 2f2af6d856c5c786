using System.Runtime.CompilerServices;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// Causal attention of one head over a sequence's blocks. Each number has one order of operations, fixed by absolute key positions:
/// a score is a chain of FMAs over the head's dimensions; the greatest score; e^(score − greatest); their sum in sixteen lanes, key j in
/// lane j mod 16, and the lanes in a tree; an output is a chain of FMAs over keys 0, 1, …, divided by the sum. Which queries
/// are computed together changes nothing, and no key past the query is ever multiplied: what lies there may be anything.
/// </summary>
internal static unsafe class Attention
{
    private const int Block = KvLayout.BlockSize;

    /// <summary>
    /// Blocks of a sequence up to which one query fetches the next head's keys and values with its own: a head's part of a block is too short a stream for
    /// the processor to run ahead of. Longer sequences would push them out of the second-level cache again, and have streams enough.
    /// </summary>
    private const int FetchingBlocks = 16;

    /// <summary>Queries of consecutive positions from <paramref name="position"/> on, up to six.</summary>
    /// <param name="layout">Where keys and values lie in a block.</param>
    /// <param name="pool">This layer's blocks.</param>
    /// <param name="table">The sequence's blocks.</param>
    /// <param name="head">The head.</param>
    /// <param name="q">(queries, head_dim), rows <paramref name="ldq"/> apart; memory reaches to six rows.</param>
    /// <param name="ldq">Floats from query to query.</param>
    /// <param name="queries">1 … 6.</param>
    /// <param name="position">Position of the first query.</param>
    /// <param name="scale">What a score is multiplied by.</param>
    /// <param name="more">Whether the next head comes next.</param>
    /// <param name="scores">Scratch: six rows of <paramref name="lds"/> floats.</param>
    /// <param name="lds">At least position + queries, rounded up to 16.</param>
    /// <param name="output">Receives (queries, head_dim); memory is (6, <see cref="KvLayout.ValueStride"/>).</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Head<L, V, E>(
        in KvLayout layout, byte* pool, int* table, int head, float* q, nint ldq, int queries, int position, float scale, bool more, float* scores, nint lds, float* output)
        where L : IFloatLanes<V>
        where V : struct
        where E : IElements
    {
        var blocks = (position + queries + Block - 1) / Block;
        var keys = pool + ((nint)head * layout.HeadDim * Block * E.Bytes);
        var values = pool + layout.ValuesAt + ((nint)head * Block * layout.ValueStride * E.Bytes);
        var fetches = queries == 1 && more && blocks <= FetchingBlocks;
        if (queries == 1)
        {
            RowScores<L, V, E>(layout, keys, table, blocks, q, fetches ? layout.HeadDim * Block * E.Bytes : 0, scores);
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
            // Keys that all queries see, together; then each query's own.
            common = position + 1;
            TileValues<L, V, E>(layout, values, table, scores, lds, common, output);
        }

        for (var i = 0; i < queries; i++)
        {
            var to = output + (i * layout.ValueStride);
            RowValues<L, V, E>(layout, values, table, scores + (i * lds), common, position + i + 1, fetches ? Block * layout.ValueStride * E.Bytes : 0, to);
            var sum = L.All(sums[i]);
            for (var o = 0; o < layout.ValueStride; o += L.Count)
            {
                L.Store(L.Divide(L.Load(to + o), sum), to + o);
            }
        }
    }

    /// <summary>Scores of all keys of the blocks, those past the query's position included, for six queries. Roofline: the FMA units.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TileScores<L, V, E>(in KvLayout layout, byte* keys, int* table, int blocks, float* q, nint ldq, float* scores, nint lds)
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
            // Two blocks at once; at an odd end the same one twice.
            var second = block + 1 < blocks ? Block : 0;
            var k0 = keys + ((nint)table[block] * layout.Bytes);
            var k1 = second != 0 ? keys + ((nint)table[block + 1] * layout.Bytes) : k0;

            // The two after them, of which each is a stream too short for the processor to run ahead of.
            var ahead = keys + ((nint)table[Math.Min(block + 2, blocks - 1)] * layout.Bytes);
            Fetch.Lines(keys + ((nint)table[Math.Min(block + 3, blocks - 1)] * layout.Bytes), Block * E.Bytes * 16);
            for (var o = 0; o < Block; o += L.Count)
            {
                byte* w = k0 + (o * E.Bytes), w2 = k1 + (o * E.Bytes);
                Tiles.Tile<L, V, E>(q, ldq, w, w2, Block, layout.HeadDim, scores + (block * Block) + o, second, lds, ahead, o == 0 ? Block * E.Bytes : 0);
            }
        }
    }

    /// <summary>
    /// Scores of all keys of the blocks for one query. Roofline: memory (the keys). Four blocks at once: one chain takes four cycles an FMA, and four
    /// streams keep more loads under way.
    /// </summary>
    /// <param name="layout">Where keys and values lie in a block.</param>
    /// <param name="keys">The head's keys in block 0.</param>
    /// <param name="table">The sequence's blocks.</param>
    /// <param name="blocks">How many.</param>
    /// <param name="q">(head_dim).</param>
    /// <param name="next">Bytes to what is fetched meanwhile, the next head's keys; 0 for nothing.</param>
    /// <param name="scores">Receives (blocks · 16).</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RowScores<L, V, E>(in KvLayout layout, byte* keys, int* table, int blocks, float* q, nint next, float* scores)
        where L : IFloatLanes<V>
        where V : struct
        where E : IElements
    {
        for (var block = 0; block < blocks; block += 4)
        {
            // At the end the last one again: it is computed and stored again, and is the same.
            var last = blocks - 1;
            int i1 = Math.Min(block + 1, last), i2 = Math.Min(block + 2, last), i3 = Math.Min(block + 3, last);
            for (var o = 0; o < Block; o += L.Count)
            {
                var at = o * E.Bytes;
                byte* w0 = keys + ((nint)table[block] * layout.Bytes) + at, w1 = keys + ((nint)table[i1] * layout.Bytes) + at;
                byte* w2 = keys + ((nint)table[i2] * layout.Bytes) + at, w3 = keys + ((nint)table[i3] * layout.Bytes) + at;
                V a = L.All(0), b = a, c = a, d = a;
                for (nint i = 0; i < layout.HeadDim; i++)
                {
                    if (next != 0)
                    {
                        Fetch.Line(w0 + next);
                        Fetch.Line(w1 + next);
                        Fetch.Line(w2 + next);
                        Fetch.Line(w3 + next);
                    }

                    var t = L.All(q[i]);
                    a = L.Fma(t, E.Load<L, V>(w0), a);
                    b = L.Fma(t, E.Load<L, V>(w1), b);
                    c = L.Fma(t, E.Load<L, V>(w2), c);
                    d = L.Fma(t, E.Load<L, V>(w3), d);
                    w0 += Block * E.Bytes;
                    w1 += Block * E.Bytes;
                    w2 += Block * E.Bytes;
                    w3 += Block * E.Bytes;
                }

                L.Store(a, scores + (block * Block) + o);
                L.Store(b, scores + (i1 * Block) + o);
                L.Store(c, scores + (i2 * Block) + o);
                L.Store(d, scores + (i3 * Block) + o);
            }
        }
    }

    /// <summary>Scores to e^(score − greatest), zero past <paramref name="count"/>; returns their sum. Roofline: exp's 15 instructions a vector.</summary>
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

    /// <summary>Weighted values of keys 0 … <paramref name="count"/> for six queries. Roofline: the FMA units.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TileValues<L, V, E>(in KvLayout layout, byte* values, int* table, float* weights, nint lds, int count, float* output)
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

    /// <summary>Weighted values of keys <paramref name="from"/> … <paramref name="to"/> for one query, added to <paramref name="output"/>. Roofline: memory (the values).</summary>
    /// <remarks><paramref name="next"/> bytes on lie the next head's values, which are fetched meanwhile; 0 for nothing.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RowValues<L, V, E>(in KvLayout layout, byte* values, int* table, float* weights, int from, int to, nint next, float* output)
        where L : IFloatLanes<V>
        where V : struct
        where E : IElements
    {
        var n = L.Count;
        nint step = n * E.Bytes, stride = layout.ValueStride * E.Bytes;
        var o = 0;
        for (; o + (4 * n) <= layout.ValueStride; o += 4 * n)
        {
            V a = L.Load(output + o), b = L.Load(output + o + n), c = L.Load(output + o + (2 * n)), d = L.Load(output + o + (3 * n));
            for (var key = from; key < to;)
            {
                var w = values + ((nint)table[key / Block] * layout.Bytes) + (key % Block * stride) + (o * E.Bytes);
                for (var end = Math.Min(to, (key / Block * Block) + Block); key < end; key++)
                {
                    if (next != 0)
                    {
                        Fetch.Line(w + next);
                        Fetch.Line(w + next + (2 * step));
                    }

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
