using TorchKv.Cluster.Routing;

namespace TorchKv.Simulation.Replicas;

/// <summary>The policies that the router's own is compared with. They know counts of requests alone.</summary>
internal sealed class CountingRouter : ISimulatedRouter
{
    private const int HeadTokens = 128;

    private readonly RouterKind _kind;
    private readonly RoutingOptions _options;
    private readonly ulong[] _names;
    private readonly int[] _places;
    private readonly int[] _own;
    private readonly int[] _others;
    private readonly List<int> _ready = [];
    private SplitMix64 _random;
    private int _turn;
    private long _requests;

    /// <summary>A router that knows every replica and takes none of them for ready.</summary>
    public CountingRouter(RouterKind kind, RoutingOptions options, int replicas)
    {
        (_kind, _options) = (kind, options);
        _random = new SplitMix64(options.Seed);
        _names = [.. Enumerable.Range(0, replicas).Select(i => SplitMix64.Mix((ulong)i + 0x517cc1b727220a95))];
        _places = new int[replicas];
        Array.Fill(_places, -1);
        (_own, _others) = (new int[replicas], new int[replicas]);
    }

    /// <inheritdoc/>
    public int Choose(ClusterRequest request, int excluded)
    {
        if (_ready.Count == 0 || (_ready.Count == 1 && _ready[0] == excluded))
        {
            return -1;
        }

        while (true)
        {
            var replica = _kind switch
            {
                RouterKind.RoundRobin => _ready[_turn = (_turn + 1) % _ready.Count],
                RouterKind.OneChoice => Any(),
                RouterKind.TwoChoices => LessLoaded(Any(), Any()),
                RouterKind.LeastProbed => LeastProbed(excluded),
                RouterKind.SessionHash => Hashed((ulong)request.Conversation.Number, excluded),
                RouterKind.HeadHash => Hashed(HeadOf(request), excluded),
                _ => throw new InvalidOperationException($"{_kind} is no policy of counts."),
            };
            if (replica != excluded)
            {
                return replica;
            }
        }
    }

    /// <inheritdoc/>
    public void Started(ClusterRequest request) => Count(request.Replica, own: 1, others: 0);

    /// <inheritdoc/>
    public void FirstToken(ClusterRequest request)
    {
    }

    /// <inheritdoc/>
    public void Ended(ClusterRequest request, bool isComplete) => Count(request.Replica, own: -1, others: 0);

    /// <inheritdoc/>
    public void Probed(int replica, int requests)
    {
        var others = _kind == RouterKind.LeastProbed ? requests : Math.Max(0, requests - _own[replica]);
        Count(replica, own: 0, others: others - _others[replica]);
    }

    /// <inheritdoc/>
    public void SetReady(int replica, bool isReady)
    {
        if (isReady == _places[replica] >= 0)
        {
            return;
        }

        if (isReady)
        {
            _places[replica] = _ready.Count;
            _ready.Add(replica);
            _requests += Load(replica);
            return;
        }

        var last = _ready[^1];
        (_ready[_places[replica]], _places[last]) = (last, _places[replica]);
        _ready.RemoveAt(_ready.Count - 1);
        _places[replica] = -1;
        _requests -= Load(replica);
    }

    /// <inheritdoc/>
    public void Restarted(int replica) => Count(replica, own: 0, others: -_others[replica]);

    private static ulong HeadOf(ClusterRequest request) =>
        request.Conversation.OpeningTokens >= HeadTokens
            ? ~(ulong)request.Conversation.Opening
            : (ulong)request.Conversation.Number;

    private int Load(int replica) =>
        _kind == RouterKind.LeastProbed ? _others[replica] : _own[replica] + _others[replica];

    private void Count(int replica, int own, int others)
    {
        var before = Load(replica);
        _own[replica] += own;
        _others[replica] += others;
        _requests += _places[replica] >= 0 ? Load(replica) - before : 0;
    }

    private int Any() => _ready[_random.Next(_ready.Count)];

    private int LessLoaded(int one, int other) => Load(other) < Load(one) ? other : one;

    private int LeastProbed(int excluded)
    {
        // From a random place on, since many have the least.
        var start = _random.Next(_ready.Count);
        var least = -1;
        for (var i = 0; i < _ready.Count; i++)
        {
            var replica = _ready[(start + i) % _ready.Count];
            if (replica != excluded && (least < 0 || Load(replica) < Load(least)))
            {
                least = replica;
            }
        }

        return least;
    }

    /// <summary>The replica of the highest hash, out of those within the bound on the load.</summary>
    private int Hashed(ulong key, int excluded)
    {
        key = SplitMix64.Mix(key);
        var mean = (double)(_requests + 1) / _ready.Count;
        var most = Math.Ceiling(_options.LoadBound * mean) + _options.LoadMargin - 1;
        var (best, highest) = (-1, 0UL);
        foreach (var replica in _ready)
        {
            var hash = SplitMix64.Mix(key ^ _names[replica]);
            if (replica != excluded && Load(replica) <= most && (best < 0 || hash > highest))
            {
                (best, highest) = (replica, hash);
            }
        }

        return best >= 0 ? best : LeastProbed(excluded);
    }
}
