using TorchKv.Runtime.Contracts.Live;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Scheduling;

namespace TorchKv.Runtime.Serving.Live;

/// <summary>Reads the state of every block from pool, index and block tables, and tells which have changed.</summary>
/// <remarks>One pass over the pool and the running sequences' tables for each look; 60 bytes a block.</remarks>
internal sealed class BlockStates
{
    private const int MaxRequests = 8;
    private readonly KvBlocks _blocks;
    private readonly TenantNumbers _tenants;
    private readonly Func<Request, long> _numberOf;
    private readonly bool _withTokens;
    private readonly ulong[] _shown;
    private readonly ulong[] _holders;
    private readonly Sequence?[] _sequence;

    // Who holds each block, as lists in one array: the place of the newest entry, counted from 1, and in each entry
    // the place of the one before it. Samples of one request are one entry.
    private readonly int[] _newest;
    private readonly List<(long Request, int Older)> _held = [];
    private readonly int[] _position;
    private readonly int[] _filled;
    private readonly int[] _tenant;

    // The generation that position and tenant are of: they do not change when blocks before this one are evicted.
    private readonly long[] _placed;
    private readonly double[] _releasedAt;

    /// <summary>The states of a pool's blocks, of which none has been taken yet.</summary>
    /// <param name="blocks">The engine's blocks.</param>
    /// <param name="tenants">Numbers of salts.</param>
    /// <param name="numberOf">Numbers of requests.</param>
    /// <param name="withTokens">Whether blocks come with their tokens.</param>
    public BlockStates(
        KvBlocks blocks, TenantNumbers tenants, Func<Request, long> numberOf, bool withTokens)
    {
        _blocks = blocks;
        _tenants = tenants;
        _numberOf = numberOf;
        _withTokens = withTokens;
        var count = blocks.Pool.Count;
        _shown = new ulong[count];
        _holders = new ulong[count];
        _sequence = new Sequence?[count];
        _newest = new int[count];
        _position = new int[count];
        _filled = new int[count];
        _tenant = new int[count];
        _placed = new long[count];
        Array.Fill(_placed, -1);
        _releasedAt = new double[count];
        Array.Fill(_position, -1);

        // Free blocks are what a reader assumes.
        Array.Fill(_shown, Mark(LiveBlockState.Free, 0, 0, 0, -2, 0, 0));

        // What is cached already was released before the watch began, in the order of its eviction.
        var at = -blocks.Pool.CachedCount;
        foreach (var block in blocks.Pool.CachedBlocks())
        {
            _releasedAt[block] = at++;
        }
    }

    /// <summary>The blocks that changed since the last call, or all that are not free.</summary>
    public List<LiveBlock> Take(Scheduler scheduler, double now, bool whole)
    {
        ReadTables(scheduler);
        var taken = new List<LiveBlock>();
        var pool = _blocks.Pool;
        for (var block = 0; block < _shown.Length; block++)
        {
            var holders = pool.HolderCount(block);
            var isPublished = pool.IsPublished(block);
            var state = holders > 0 ? LiveBlockState.Held
                : isPublished ? LiveBlockState.Cached
                : LiveBlockState.Free;
            if (state == LiveBlockState.Held)
            {
                _releasedAt[block] = now;
            }

            var filled = state == LiveBlockState.Free ? 0
                : _sequence[block] is not null ? _filled[block]
                : isPublished ? _blocks.BlockSize : 0;
            var parent = state == LiveBlockState.Free ? -2 : ParentOf(block, isPublished);
            var generation = GenerationOf(block);
            var mark = Mark(state, holders, _holders[block], filled, parent, generation, isPublished ? 1 : 0);
            if (whole ? state == LiveBlockState.Free : mark == _shown[block])
            {
                continue;
            }

            if (!whole)
            {
                _shown[block] = mark;
            }

            taken.Add(Describe(block, state, holders, filled, parent, generation, isPublished));
        }

        Array.Clear(_sequence);
        return taken;
    }

    /// <summary>Notes for each block the requests that hold it, and one of their sequences.</summary>
    private void ReadTables(Scheduler scheduler)
    {
        Array.Clear(_holders);
        Array.Clear(_newest);
        _held.Clear();
        foreach (var request in scheduler.Running)
        {
            Read(request);
        }

        foreach (var request in scheduler.Waiting)
        {
            Read(request);
        }
    }

    private void Read(Request request)
    {
        var tenant = _tenants.Of(request.Root.Link.Salt);
        var number = _numberOf(request);
        foreach (var sequence in request.Sequences)
        {
            if (sequence.IsFinished)
            {
                continue;
            }

            var table = sequence.Table.Blocks.Span;
            for (var i = 0; i < table.Length; i++)
            {
                var block = table[i];
                _holders[block] += Mix((ulong)number);
                _sequence[block] ??= sequence;
                if (_newest[block] == 0 || _held[_newest[block] - 1].Request != number)
                {
                    _held.Add((number, _newest[block]));
                    _newest[block] = _held.Count;
                }

                _position[block] = i;
                _filled[block] = Math.Clamp(sequence.Table.TokenCount - (i * _blocks.BlockSize), 0, _blocks.BlockSize);
                _tenant[block] = tenant;
                _placed[block] = GenerationOf(block);
            }
        }
    }

    /// <summary>The block before this one: −1 for none, −2 where it is gone.</summary>
    private int ParentOf(int block, bool isPublished) =>
        isPublished ? _blocks.Pool.Prefixes!.ParentOf(block) ?? -2
        : _sequence[block] is { } sequence
            ? _position[block] == 0 ? -1 : sequence.Table[_position[block] - 1]
            : -2;

    private long GenerationOf(int block) => _blocks.Pool.Prefixes?.Generation(block) ?? 0;

    private LiveBlock Describe(
        int block,
        LiveBlockState state,
        int holders,
        int filled,
        int parent,
        long generation,
        bool isPublished)
    {
        if (isPublished && _placed[block] != generation)
        {
            (_position[block], _tenant[block]) = PlaceOf(block);
            _placed[block] = generation;
        }

        return new LiveBlock
        {
            Index = block,
            State = state,
            Holders = holders,
            Requests = holders > 0 ? RequestsOf(block) : null,
            Filled = filled,
            Position = state == LiveBlockState.Free ? 0 : Math.Max(0, _position[block]),
            IsPublished = isPublished,
            Parent = parent == -2 ? null : parent,
            Tenant = state == LiveBlockState.Free ? 0 : _tenant[block],
            Generation = generation,
            ReleasedAt = state == LiveBlockState.Cached ? _releasedAt[block] : 0,
            Tokens = _withTokens && filled > 0 ? TokensOf(block, filled, isPublished) : null,
        };
    }

    /// <summary>The place of a cached block in its prompt, and its tenant.</summary>
    private (int Position, int Tenant) PlaceOf(int block)
    {
        var index = _blocks.Pool.Prefixes!;
        var position = 0;
        while (index.ParentOf(block) is { } parent)
        {
            if (parent < 0)
            {
                return (position, _tenants.Of(index.SaltOf(block)));
            }

            block = parent;
            position++;
        }

        // A block before it is gone; it keeps what was known of it while it was held.
        return (Math.Max(position, _position[block]), _tenant[block]);
    }

    /// <summary>The first requests that hold a block.</summary>
    private List<long> RequestsOf(int block)
    {
        var found = new List<long>();
        for (var at = _newest[block]; at > 0; at = _held[at - 1].Older)
        {
            found.Add(_held[at - 1].Request);
        }

        found.Sort();
        return found.Count <= MaxRequests ? found : found[..MaxRequests];
    }

    private int[]? TokensOf(int block, int filled, bool isPublished) =>
        isPublished ? _blocks.Pool.Prefixes!.TokensOf(block)
        : _sequence[block]?.Tokens.Slice(_position[block] * _blocks.BlockSize, filled).ToArray();

    private static ulong Mark(
        LiveBlockState state,
        int holders,
        ulong requests,
        int filled,
        int parent,
        long generation,
        int published)
    {
        var mark = Mix((ulong)state | ((ulong)(uint)holders << 8) | ((ulong)(uint)filled << 40));
        mark = Mix(mark + requests);
        mark = Mix(mark + (uint)parent);
        return Mix(mark + ((ulong)generation << 1) + (ulong)published);
    }

    private static ulong Mix(ulong value)
    {
        value += 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
