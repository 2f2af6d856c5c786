using System.Buffers;

namespace TorchKv.Runtime.Text;

/// <summary>
/// The places of a piece where a pair begins that some merge joins, by that merge's rank. The places of one rank are a
/// doubly linked list: a place is added and removed in constant time. The ranks that have places are in a heap.
/// </summary>
internal sealed class RankedPairs : IDisposable
{
    private const int None = BytePairMerger.None;

    // In _first: the rank has no place, and is still in the heap.
    private const int Empty = -2;

    // By place: the rank there, and the neighbours in that rank's list.
    private readonly int[] _rank;
    private readonly int[] _before;
    private readonly int[] _after;

    // By rank: the ends of its list. Rented: a vocabulary has 50,000 ranks, of which a piece uses few.
    private readonly int[] _first;
    private readonly int[] _last;

    // A rank is taken out only when it is the best and has no place: many lists are empty for a moment.
    private readonly PriorityQueue<int, int> _ranks = new();
    private int[] _taken = [];

    /// <param name="places">Places in the piece.</param>
    /// <param name="ranks">Ranks that there are, from 0.</param>
    public RankedPairs(int places, int ranks)
    {
        (_rank, _before, _after) = (new int[places], new int[places], new int[places]);
        Array.Fill(_rank, None);
        (_first, _last) = (ArrayPool<int>.Shared.Rent(ranks), ArrayPool<int>.Shared.Rent(ranks));
        Array.Fill(_first, None, 0, ranks);
    }

    /// <summary>How many places <see cref="Take"/> has given in all.</summary>
    public long Taken { get; private set; }

    /// <summary>The best rank that has a place; null where none has.</summary>
    public int? Best
    {
        get
        {
            while (_ranks.TryPeek(out var rank, out _))
            {
                if (_first[rank] != Empty)
                {
                    return rank;
                }

                _first[rank] = None;
                _ranks.Dequeue();
            }

            return null;
        }
    }

    /// <summary>The places of a rank, from left to right, as they are now. They stay until they are removed.</summary>
    public ReadOnlySpan<int> Take(int rank)
    {
        var (count, ascending) = (0, true);
        for (var place = _first[rank]; place >= 0; place = _after[place])
        {
            if (count == _taken.Length)
            {
                Array.Resize(ref _taken, Math.Max(16, 2 * count));
            }

            ascending &= count == 0 || place > _taken[count - 1];
            _taken[count++] = place;
        }

        var places = _taken.AsSpan(0, count);
        if (!ascending)
        {
            places.Sort();
        }

        Taken += count;
        return places;
    }

    /// <summary>Whether a place has this rank.</summary>
    public bool Has(int place, int rank) => _rank[place] == rank;

    /// <summary>Adds a place that has no rank.</summary>
    public void Add(int place, int rank)
    {
        _rank[place] = rank;
        _after[place] = None;
        if (_first[rank] < 0)
        {
            if (_first[rank] == None)
            {
                _ranks.Enqueue(rank, rank);
            }

            (_first[rank], _before[place]) = (place, None);
        }
        else
        {
            (_after[_last[rank]], _before[place]) = (place, _last[rank]);
        }

        _last[rank] = place;
    }

    /// <summary>Removes a place; nothing happens where it has no rank.</summary>
    public void Remove(int place)
    {
        var rank = _rank[place];
        if (rank == None)
        {
            return;
        }

        var (before, after) = (_before[place], _after[place]);
        if (before == None)
        {
            _first[rank] = after == None ? Empty : after;
        }
        else
        {
            _after[before] = after;
        }

        if (after == None)
        {
            _last[rank] = before;
        }
        else
        {
            _before[after] = before;
        }

        _rank[place] = None;
    }

    public void Dispose()
    {
        ArrayPool<int>.Shared.Return(_first);
        ArrayPool<int>.Shared.Return(_last);
    }
}
