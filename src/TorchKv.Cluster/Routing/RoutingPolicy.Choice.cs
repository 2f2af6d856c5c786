using System.Runtime.InteropServices;
using TorchKv.Runtime.Paging;

namespace TorchKv.Cluster.Routing;

/// <content>The choice.</content>
internal sealed partial class RoutingPolicy
{
    // Replicas whose turn it is and that are passed over because of their load, at most.
    private const int MostTurns = 16;

    /// <summary>Chooses a replica for a prompt. Nothing is counted before <see cref="Start"/>.</summary>
    /// <param name="blocks">Digests of the prompt's full blocks, of <see cref="DigestChain"/>.</param>
    /// <param name="promptTokens">Tokens of the prompt.</param>
    /// <param name="excluded">Replicas that must not be chosen: they were tried already.</param>
    /// <param name="choice">The choice.</param>
    /// <returns>False where no replica is ready but those excluded.</returns>
    public bool TryChoose(
        ReadOnlySpan<BlockDigest> blocks, int promptTokens, ReadOnlySpan<int> excluded, out RouteChoice choice)
    {
        // The prompt's last token is computed in any case, so a block that ends with it is of no use.
        var usable = blocks[..Math.Min(blocks.Length, Math.Max(0, promptTokens - 1) / _options.BlockSize)];
        var depth = _holders.Depth(usable);
        var isNew = depth == 0 || _holders.IsContinued(usable[depth - 1]);
        var replica = isNew ? WhoseTurn(isOverdue: depth > 0, excluded) : -1;
        if (replica < 0)
        {
            Gather(usable[..depth], Key(usable, depth), excluded);
            replica = Best(usable, depth);
        }

        choice = replica < 0
            ? default
            : new RouteChoice(replica, promptTokens, _holders.Matched(replica, usable[..depth]), isNew);
        return replica >= 0;
    }

    /// <summary>
    /// The replica that took a new conversation the longest ago, of those within the bound; −1 where there is none.
    /// </summary>
    /// <param name="isOverdue">Only one that has waited for longer than its share.</param>
    /// <param name="excluded">Never one of these.</param>
    private int WhoseTurn(bool isOverdue, ReadOnlySpan<int> excluded)
    {
        var longest = isOverdue ? _options.NewConversationSpread * _ready.Count : -1;
        var replica = _turns.First;
        for (var i = 0; i < MostTurns && replica >= 0 && _turns.Waited(replica) > longest; i++)
        {
            if (!excluded.Contains(replica) && IsWithinBound(LoadOf(Record(replica))))
            {
                return replica;
            }

            replica = _turns.After(replica);
        }

        return -1;
    }

    /// <summary>
    /// Where the routers' agreement begins: the first block that nobody has, else the last of the prompt.
    /// </summary>
    private static ulong Key(ReadOnlySpan<BlockDigest> usable, int depth)
    {
        if (usable.IsEmpty)
        {
            return 0;
        }

        Span<byte> digest = stackalloc byte[32];
        usable[Math.Min(depth, usable.Length - 1)].CopyTo(digest);
        return MemoryMarshal.Read<ulong>(digest);
    }

    /// <summary>Collects the replicas that are compared: those with the longest prefixes, some at random, the least
    /// loaded.</summary>
    private void Gather(ReadOnlySpan<BlockDigest> known, ulong key, ReadOnlySpan<int> excluded)
    {
        _candidates.Clear();
        var before = 0;
        for (var depth = known.Length; depth > 0 && _candidates.Count < _options.HolderCandidates; depth--)
        {
            // The holders of a block are among those of the block before it.
            ref readonly var block = ref known[depth - 1];
            var count = _holders.HolderCount(block);
            if (count == before)
            {
                continue;
            }

            before = count;
            var start = count > _options.HolderCandidates ? _random.Next(count) : 0;
            for (var i = 0; i < count && _candidates.Count < _options.HolderCandidates; i++)
            {
                AddCandidate(_holders.Holder(block, (start + i) % count), excluded);
            }
        }

        for (var i = 0; i < _options.RandomCandidates && _ready.Count > 0; i++)
        {
            AddCandidate(_ready[_random.Next(_ready.Count)], excluded);
        }

        AddLeastLoaded(key, excluded);
    }

    private void AddCandidate(int replica, ReadOnlySpan<int> excluded)
    {
        if (Record(replica).ReadyPlace >= 0 && !excluded.Contains(replica) && !_candidates.Contains(replica))
        {
            _candidates.Add(replica);
        }
    }

    private void AddLeastLoaded(ulong key, ReadOnlySpan<int> excluded)
    {
        foreach (var replica in excluded)
        {
            if (IsReady(replica))
            {
                _loads.Set(replica, LoadTree.Absent);
            }
        }

        var least = _loads.Least(key);
        foreach (var replica in excluded)
        {
            if (IsReady(replica))
            {
                _loads.Set(replica, LoadOf(Record(replica)));
            }
        }

        if (least >= 0)
        {
            AddCandidate(least, excluded);
        }
    }

    private bool IsReady(int replica) => (uint)replica < (uint)_replicas.Count && _replicas[replica]?.ReadyPlace >= 0;

    /// <summary>The candidate of the best rank; −1 where there is none.</summary>
    private int Best(ReadOnlySpan<BlockDigest> usable, int depth)
    {
        var key = Key(usable, depth);
        var (best, bestRank) = (-1, default(RouteRank));
        foreach (var candidate in _candidates)
        {
            var record = Record(candidate);
            var load = LoadOf(record);
            var matched = _holders.Matched(candidate, usable[..depth]);
            var rank = new RouteRank(
                IsWithinBound(load),
                matched == 0 ? -LoadTerm(load) : ((double)matched / usable.Length) - LoadTerm(load),
                matched == 0 ? load : 0,
                SplitMix64.Mix(key ^ record.NameHash));
            if (best < 0 || rank.CompareTo(bestRank) > 0)
            {
                (best, bestRank) = (candidate, rank);
            }
        }

        return best;
    }

    /// <summary>Whether one more request keeps a replica within the bound on its load (Mirrokni et al. 2018).</summary>
    private bool IsWithinBound(long load)
    {
        var one = (double)_options.PrefillTokensPerRequest;
        var mean = ((_readyLoad / one) + 1) / _ready.Count;
        return (load / one) + 1 <= Math.Ceiling(_options.LoadBound * mean) + _options.LoadMargin;
    }

    /// <summary>What a load takes from a score.</summary>
    private double LoadTerm(long load)
    {
        var one = (double)_options.PrefillTokensPerRequest;
        var above = Math.Max(0, (load / one) - _options.LoadMargin);
        return _options.LoadWeight * above / Math.Max(1, _readyLoad / one / _ready.Count);
    }
}
