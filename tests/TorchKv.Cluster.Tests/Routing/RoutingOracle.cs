using TorchKv.Cluster.Routing;
using TorchKv.Runtime.Paging;

namespace TorchKv.Cluster.Tests.Routing;

/// <summary>
/// The routing policy as its description says it, without any structure: lists, and every replica looked at for every
/// choice.
/// </summary>
internal sealed class RoutingOracle(RoutingOptions options)
{
    public sealed class Replica
    {
        public required int Pool { get; set; }

        public bool Ready { get; set; }

        public List<BlockDigest> Blocks { get; } = [];

        public List<(RoutedRequest Request, int Prefill)> Requests { get; set; } = [];

        public int Others { get; set; }

        /// <summary>Ready since, or new conversation taken at: the lesser is the earlier turn.</summary>
        public long Turn { get; set; }

        public long Taken { get; set; } = -1;
    }

    private readonly HashSet<BlockDigest> _continued = [];
    private long _joins;
    private long _conversations;

    public SortedDictionary<int, Replica> Replicas { get; } = [];

    private IEnumerable<KeyValuePair<int, Replica>> Ready => Replicas.Where(replica => replica.Value.Ready);

    public void SetReady(int number, bool ready)
    {
        var replica = Replicas[number];
        if (ready && !replica.Ready)
        {
            (replica.Turn, replica.Taken) = (-++_joins, -1);
        }

        replica.Ready = ready;
    }

    public void Restart(int number, int pool)
    {
        var replica = Replicas[number];
        var ready = replica.Ready;
        SetReady(number, false);
        replica.Blocks.Clear();
        ForgetUnknown();
        (replica.Pool, replica.Requests, replica.Others) = (pool, [], 0);
        SetReady(number, ready);
    }

    public void Use(int number, BlockDigest[] blocks)
    {
        var replica = Replicas[number];
        var used = blocks.Take(replica.Pool).ToArray();
        replica.Blocks.RemoveAll(used.Contains);
        replica.Blocks.InsertRange(0, used);
        _continued.UnionWith(used.SkipLast(1));
        if (replica.Blocks.Count > replica.Pool)
        {
            replica.Blocks.RemoveRange(replica.Pool, replica.Blocks.Count - replica.Pool);
        }

        ForgetUnknown();
    }

    public void Took(int number) => Replicas[number].Turn = Replicas[number].Taken = ++_conversations;

    /// <summary>Whether the prompt begins a new conversation.</summary>
    public bool IsNew(BlockDigest[] usable)
    {
        var known = usable.TakeWhile(block => Replicas.Values.Any(replica => replica.Blocks.Contains(block))).ToArray();
        return known.Length == 0 || _continued.Contains(known[^1]);
    }

    /// <summary>Every replica that may be chosen.</summary>
    public IReadOnlyList<int> Choices(BlockDigest[] usable, int[] excluded)
    {
        var open = Ready.Where(replica => !excluded.Contains(replica.Key)).ToArray();
        var anyMatch = Replicas.Values.Any(replica => Matched(replica, usable) > 0);
        if (IsNew(usable))
        {
            var longest = anyMatch ? options.NewConversationSpread * Ready.Count() : -1;
            var turn = open
                .Where(replica => IsWithinBound(replica.Value))
                .Where(replica => replica.Value.Taken < 0 || _conversations - replica.Value.Taken > longest)
                .OrderBy(replica => replica.Value.Turn)
                .Select(replica => replica.Key)
                .Take(1)
                .ToArray();
            if (turn.Length > 0)
            {
                return turn;
            }
        }

        var best = open.Select(replica => Worth(replica.Value, usable)).DefaultIfEmpty().Max();
        return [.. open.Where(replica => Worth(replica.Value, usable) == best).Select(replica => replica.Key)];
    }

    public static int Matched(Replica replica, BlockDigest[] usable) => usable.TakeWhile(replica.Blocks.Contains).Count();

    private (bool Within, double Score, double Load) Worth(Replica replica, BlockDigest[] usable)
    {
        var matched = Matched(replica, usable);
        var load = Load(replica);
        var term = options.LoadWeight * Math.Max(0, load - options.LoadMargin) / Math.Max(1, MeanLoad);
        return (
            IsWithinBound(replica),
            (matched == 0 ? 0 : (double)matched / usable.Length) - term,
            matched == 0 ? -load : 0);
    }

    private bool IsWithinBound(Replica replica)
        => Load(replica) + 1
            <= Math.Ceiling(options.LoadBound * (MeanLoad + (1.0 / Ready.Count()))) + options.LoadMargin;

    private double MeanLoad => Ready.Sum(replica => Load(replica.Value)) / Ready.Count();

    private double Load(Replica replica)
        => replica.Requests.Count + replica.Others
            + ((double)replica.Requests.Sum(request => request.Prefill) / options.PrefillTokensPerRequest);

    private void ForgetUnknown() => _continued.IntersectWith(Replicas.Values.SelectMany(replica => replica.Blocks));
}
