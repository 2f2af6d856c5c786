namespace Microsoft.ML.Tokenizers;

/// <summary>Joins neighbouring symbols by the ranked pairs of a byte-pair encoding, best pair first, leftmost first among equals.</summary>
internal sealed class BytePairMerger
{
    /// <summary>Up to here, looking through all pairs for the best is faster than a heap.</summary>
    private const int LongestScan = 48;

    private const int NoMerge = int.MaxValue;

    [ThreadStatic]
    private static PriorityQueue<int, long>? t_heap;

    private readonly Dictionary<long, (int Rank, int Id)> _merges = [];

    /// <summary>Makes room for so many pairs.</summary>
    public void EnsureCapacity(int count) => _merges.EnsureCapacity(count);

    /// <summary>Adds the pair of next lower priority.</summary>
    /// <exception cref="ArgumentException">The pair is there already.</exception>
    public void Add(int left, int right, int merged) => _merges.Add(Key(left, right), (_merges.Count, merged));

    /// <summary>Merges in place.</summary>
    /// <param name="ids">The symbols; on return the first n are what they were merged to.</param>
    /// <param name="lengths">Each symbol's length in the text; summed along.</param>
    /// <returns>n, the number of symbols left.</returns>
    public int Merge(Span<int> ids, Span<int> lengths) => ids.Length <= LongestScan ? MergeShort(ids, lengths) : MergeLong(ids, lengths);

    private int MergeShort(Span<int> ids, Span<int> lengths)
    {
        // ranks[i] and merged[i] tell of the pair that begins at i.
        Span<int> ranks = stackalloc int[LongestScan];
        Span<int> merged = stackalloc int[LongestScan];
        var count = ids.Length;
        for (var i = 0; i < count - 1; i++)
        {
            (ranks[i], merged[i]) = Find(ids[i], ids[i + 1]);
        }

        while (count > 1)
        {
            var best = 0;
            for (var i = 1; i < count - 1; i++)
            {
                best = ranks[i] < ranks[best] ? i : best;
            }

            if (ranks[best] == NoMerge)
            {
                break;
            }

            ids[best] = merged[best];
            lengths[best] += lengths[best + 1];
            count--;
            for (var i = best + 1; i < count; i++)
            {
                (ids[i], lengths[i], ranks[i], merged[i]) = (ids[i + 1], lengths[i + 1], ranks[i + 1], merged[i + 1]);
            }

            if (best > 0)
            {
                (ranks[best - 1], merged[best - 1]) = Find(ids[best - 1], ids[best]);
            }

            if (best < count - 1)
            {
                (ranks[best], merged[best]) = Find(ids[best], ids[best + 1]);
            }
        }

        return count;
    }

    private int MergeLong(Span<int> ids, Span<int> lengths)
    {
        var count = ids.Length;
        var next = new int[count];
        var previous = new int[count];
        var ranks = new int[count];
        var merged = new int[count];
        var heap = t_heap ??= new PriorityQueue<int, long>();
        heap.Clear();
        for (var i = 0; i < count; i++)
        {
            next[i] = i + 1 < count ? i + 1 : -1;
            previous[i] = i - 1;
            Rank(i, ids);
        }

        while (heap.TryDequeue(out var at, out var priority))
        {
            // A pair has one rank, so an entry whose rank is no longer that of its place is out of date.
            if (ranks[at] != (int)(priority >> 32))
            {
                continue;
            }

            var right = next[at];
            ids[at] = merged[at];
            lengths[at] += lengths[right];
            ranks[right] = NoMerge;
            next[at] = next[right];
            if (next[at] >= 0)
            {
                previous[next[at]] = at;
            }

            Rank(at, ids);
            if (previous[at] >= 0)
            {
                Rank(previous[at], ids);
            }
        }

        if (heap.EnsureCapacity(0) > 1 << 16)
        {
            t_heap = null;
        }

        var kept = 0;
        for (var i = 0; i >= 0; i = next[i])
        {
            (ids[kept], lengths[kept]) = (ids[i], lengths[i]);
            kept++;
        }

        return kept;

        void Rank(int at, Span<int> symbols)
        {
            (ranks[at], merged[at]) = next[at] < 0 ? (NoMerge, 0) : Find(symbols[at], symbols[next[at]]);
            if (ranks[at] != NoMerge)
            {
                heap.Enqueue(at, ((long)ranks[at] << 32) | (uint)at);
            }
        }
    }

    private (int Rank, int Id) Find(int left, int right) => _merges.TryGetValue(Key(left, right), out var merge) ? merge : (NoMerge, 0);

    private static long Key(int left, int right) => ((long)left << 32) | (uint)right;
}
