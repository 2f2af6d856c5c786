using System.Globalization;
using TorchKv.Cluster.Routing;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Simulation.Replicas;

/// <summary>
/// Many replicas behind routers in virtual time, with one clock. One thread: the same options give the same report.
/// </summary>
internal sealed class ClusterSimulation : IReplicaEvents
{
    private const int Stretches = 60;

    private readonly ClusterOptions _options;
    private readonly IReplicaModel[] _replicas;
    private readonly ISimulatedRouter[] _routers;
    private readonly ChatSource _chats;
    private readonly ClusterBooks _books;
    private readonly LoadTree _clock = new();
    private readonly PriorityQueue<ClusterEvent, (double Time, long Order)> _events = new();
    private readonly List<ClusterRequest> _lost = [];
    private readonly Queue<ClusterRequest> _stranded = new();
    private readonly bool[] _isUp;
    private readonly bool[] _hasChanged;
    private readonly bool[] _isNew;
    private readonly List<int> _changed = [];
    private readonly double _mostKills;
    private long _kills;
    private long _order;
    private int _issued;

    /// <summary>A simulation that has not begun.</summary>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    public ClusterSimulation(ClusterOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ClusterLimits.Check(options);
        _options = options;
        var count = options.Replicas;
        _replicas = MakeReplicas(options);
        _routers = [.. Enumerable.Range(0, options.Routers).Select(number => MakeRouter(options, number))];
        _chats = new ChatSource(options.Chats, options.Engine.BlockSize, options.Seed);
        _books = new ClusterBooks(
            count,
            options.Engine.BlockSize,
            options.Chats.Requests / options.Chats.RequestsPerSecond / Stretches);
        _mostKills = (10 * ClusterLimits.Kills(options)) + 1000 + count;
        (_isUp, _hasChanged, _isNew) = (new bool[count], new bool[count], new bool[count]);
        PlanEvents();
    }

    /// <summary>Virtual seconds so far.</summary>
    public double Time { get; private set; }

    /// <summary>Requests that have ended.</summary>
    public int Completed => _books.Completed;

    /// <summary>The replicas.</summary>
    public IReadOnlyList<IReplicaModel> Replicas => _replicas;

    /// <summary>The routers.</summary>
    public IReadOnlyList<ISimulatedRouter> Routers => _routers;

    /// <summary>First turns that each replica was given so far.</summary>
    public IReadOnlyList<int> FirstTurns => _books.FirstTurns;

    /// <summary>Simulates a cluster from the first request to the last token.</summary>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    public static ClusterReport Run(ClusterOptions options, CancellationToken cancellationToken = default)
    {
        var simulation = new ClusterSimulation(options);
        while (simulation.Step())
        {
            cancellationToken.ThrowIfCancellationRequested();
        }

        return simulation.Report();
    }

    /// <summary>Moves on to the next event; false where every request has ended.</summary>
    public bool Step()
    {
        if (Completed == _options.Chats.Requests)
        {
            return false;
        }

        var next = _clock.Least(0);
        var step = next < 0 ? double.PositiveInfinity : _replicas[next].NextEvent;
        if (_events.TryPeek(out _, out var first) && first.Time < step)
        {
            var happens = _events.Dequeue();
            Time = Math.Max(Time, first.Time);
            Handle(happens);
            return true;
        }

        if (next < 0)
        {
            throw new InvalidOperationException(
                $"Nothing happens any more, but {_options.Chats.Requests - Completed} requests are left.");
        }

        Time = Math.Max(Time, step);
        var before = _replicas[next].RequestCount;
        _replicas[next].Advance(this);
        Schedule(next);
        if (_replicas[next].RequestCount != before)
        {
            Changed(next);
        }

        return true;
    }

    /// <summary>What has come of it so far.</summary>
    public ClusterReport Report() => _books.Report();

    /// <inheritdoc/>
    void IReplicaEvents.FirstToken(ClusterRequest request, double time)
    {
        _routers[request.Router].FirstToken(request);
        _books.FirstToken(request, time);
    }

    /// <inheritdoc/>
    void IReplicaEvents.Ended(ClusterRequest request, double time)
    {
        _routers[request.Router].Ended(request, isComplete: true);
        _books.Ended(request, time);
        if (request.Conversation.TurnsLeft > 0)
        {
            Enqueue(
                _chats.NextTurn(time),
                new ClusterEvent(ClusterEventKind.Turn, Conversation: request.Conversation));
        }
    }

    private static IReplicaModel[] MakeReplicas(ClusterOptions options)
    {
        var caches = new PrefixHolders();
        var slow = options.Slow is { } some ? (int)Math.Ceiling(some.Share * options.Replicas) : 0;
        return
        [
            .. Enumerable.Range(0, options.Replicas).Select(IReplicaModel (number) =>
            {
                // Spread over the numbers, so that a lost rack has its share of them.
                var isSlow = slow > 0 && (long)number * slow / options.Replicas
                    != (long)(number + 1) * slow / options.Replicas;
                var factor = isSlow ? options.Slow!.Value.Factor : 1;
                var engine = options.Engine with
                {
                    Cost = new StepCost
                    {
                        PerStep = options.Engine.Cost.PerStep * factor,
                        PerToken = options.Engine.Cost.PerToken * factor,
                        PerAttendedToken = options.Engine.Cost.PerAttendedToken * factor,
                    },
                };
                return options.Kind switch
                {
                    ReplicaKind.Scheduler => new SchedulerReplica(engine),
                    ReplicaKind.Flow => new FlowReplica(engine, caches, number),
                    _ => new QueueReplica(SplitMix64.Mix(options.Seed + (ulong)number + 1)),
                };
            }),
        ];
    }

    private static ISimulatedRouter MakeRouter(ClusterOptions options, int number)
    {
        var routing = options.Routing with
        {
            BlockSize = options.Engine.BlockSize,
            Seed = SplitMix64.Mix(options.Seed ^ ((ulong)number << 32)),
        };
        return options.Policy == RouterKind.Prefix
            ? new PrefixRouter(routing, options.Replicas, options.Engine.BlockCount)
            : new CountingRouter(options.Policy, routing, options.Replicas);
    }

    private void PlanEvents()
    {
        var late = _options.Join is { } join ? (int)(join.Share * _options.Replicas) : 0;
        for (var replica = 0; replica < _options.Replicas; replica++)
        {
            if (replica >= _options.Replicas - late)
            {
                Enqueue(_options.Join!.Value.Second, new ClusterEvent(ClusterEventKind.Ready, replica));
                continue;
            }

            _isUp[replica] = true;
            foreach (var router in _routers)
            {
                router.SetReady(replica, true);
            }

            if (_options.ReplaceSeconds > 0)
            {
                Enqueue(
                    _options.ReplaceSeconds * (replica + 1) / _options.Replicas,
                    new ClusterEvent(ClusterEventKind.Kill, replica));
            }
        }

        if (_options.RackLoss is { } loss)
        {
            for (var replica = 0; replica < (int)(loss.Share * _options.Replicas); replica++)
            {
                Enqueue(loss.Second, new ClusterEvent(ClusterEventKind.Kill, replica));
            }
        }

        Enqueue(_chats.NextBegin(0), new ClusterEvent(ClusterEventKind.Begin));
    }

    private void Handle(in ClusterEvent happens)
    {
        switch (happens.Kind)
        {
            case ClusterEventKind.Begin:
                if (_issued < _options.Chats.Requests)
                {
                    Issue(_chats.Begin(Time));
                    Enqueue(_chats.NextBegin(Time), new ClusterEvent(ClusterEventKind.Begin));
                }

                break;
            case ClusterEventKind.Turn:
                if (_issued < _options.Chats.Requests)
                {
                    Issue(happens.Conversation!);
                }

                break;
            case ClusterEventKind.Probe:
                Probe();
                break;
            case ClusterEventKind.Kill:
                Kill(happens.Replica);
                break;
            case ClusterEventKind.Ready:
                (_isUp[happens.Replica], _isNew[happens.Replica]) = (true, true);
                Changed(happens.Replica);
                break;
        }
    }

    private void Issue(Conversation conversation)
    {
        _issued++;
        var known = conversation.HasBegun ? conversation.Length : 0;
        var request = _chats.Turn(conversation, Time);
        request.Router = _options.IsSticky
            ? (int)(SplitMix64.Mix((ulong)conversation.Number) % (ulong)_routers.Length)
            : _chats.Router(_routers.Length);
        _books.Came(request, known);
        Send(request, excluded: -1);
    }

    private void Send(ClusterRequest request, int excluded)
    {
        var router = _routers[request.Router];
        while (true)
        {
            var replica = router.Choose(request, excluded);
            if (replica < 0)
            {
                // As a client that comes again: once a replica is ready.
                _stranded.Enqueue(request);
                return;
            }

            if (_isUp[replica])
            {
                request.Replica = replica;
                router.Started(request);
                _replicas[replica].Add(request, Time);
                _books.FirstTurns[replica] += request.IsFirstTurn && !request.WasResumed ? 1 : 0;
                _books.MostRequests = Math.Max(_books.MostRequests, _replicas[replica].RequestCount);
                Schedule(replica);
                Changed(replica);
                return;
            }

            // No connection: the router knows now, and chooses another.
            _books.Misdirected++;
            router.SetReady(replica, false);
            excluded = replica;
        }
    }

    private void Kill(int replica)
    {
        if (_options.ReplaceSeconds > 0)
        {
            Enqueue(Time + _options.ReplaceSeconds, new ClusterEvent(ClusterEventKind.Kill, replica));
        }

        if (!_isUp[replica])
        {
            return;
        }

        if (++_kills > _mostKills)
        {
            throw new OptionException(
                "replace_seconds",
                _options.ReplaceSeconds.ToString(CultureInfo.InvariantCulture),
                "long enough for requests to end: replicas die before they serve anything");
        }

        _isUp[replica] = false;
        _lost.Clear();
        _replicas[replica].Kill(Time, _lost);
        Schedule(replica);
        Changed(replica);
        Enqueue(Time + _options.RestartSeconds, new ClusterEvent(ClusterEventKind.Ready, replica));
        foreach (var request in _lost)
        {
            // Its connection broke, so its router knows at once.
            _routers[request.Router].Ended(request, isComplete: false);
            _routers[request.Router].SetReady(replica, false);
        }

        foreach (var request in _lost.ToArray())
        {
            _books.Resumed++;
            request.WasResumed = true;
            Send(request, replica);
        }
    }

    /// <summary>Tells the routers what has changed since the last probe.</summary>
    private void Probe()
    {
        foreach (var replica in _changed)
        {
            foreach (var router in _routers)
            {
                if (_isNew[replica])
                {
                    router.Restarted(replica);
                }

                router.SetReady(replica, _isUp[replica]);
                router.Probed(replica, _replicas[replica].RequestCount);
            }

            (_hasChanged[replica], _isNew[replica]) = (false, false);
        }

        _changed.Clear();
        for (var waiting = _stranded.Count; waiting > 0; waiting--)
        {
            Send(_stranded.Dequeue(), excluded: -1);
        }
    }

    private void Changed(int replica)
    {
        if (_hasChanged[replica])
        {
            return;
        }

        _hasChanged[replica] = true;
        _changed.Add(replica);

        if (_options.ProbeSeconds == 0)
        {
            Probe();
        }
        else if (_changed.Count == 1)
        {
            // All replicas are probed at the same times; a probe that finds nothing new changes nothing.
            var number = Math.Floor(Time / _options.ProbeSeconds) + 1;
            Enqueue(number * _options.ProbeSeconds, new ClusterEvent(ClusterEventKind.Probe));
        }
    }

    private void Schedule(int replica)
    {
        // Times are not negative, so their bits are in the same order as they are.
        var next = _replicas[replica].NextEvent;
        _clock.Set(replica, double.IsInfinity(next) ? LoadTree.Absent : BitConverter.DoubleToInt64Bits(next));
    }

    private void Enqueue(double time, in ClusterEvent what) => _events.Enqueue(what, (time, _order++));
}
