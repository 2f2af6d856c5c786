using TorchKv.Cluster.Routing;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Scheduling;

namespace TorchKv.Simulation.Replicas;

/// <summary>A replica with the engine's own scheduler, pool and prefix index.</summary>
internal sealed class SchedulerReplica : IReplicaModel
{
    private sealed class Running : IRequestOutput
    {
        private readonly SchedulerReplica _replica;

        public Running(SchedulerReplica replica, ClusterRequest what)
        {
            _replica = replica;
            What = what;
            Request = new Request(what.Conversation.Tokens(what.Length), this) { GeneratedBefore = what.Emitted };
        }

        public ClusterRequest What { get; }

        public Request Request { get; }

        public bool HasToken { get; set; }

        public void Use(in PlannedRow row, Span<float> logits, long now) => _replica.Append(this, row.Sequence);

        public void Fail(Exception cause) => throw new InvalidOperationException("A simulated request failed.", cause);
    }

    private readonly SimulationOptions _options;
    private readonly SchedulingOptions _scheduling;
    private readonly SimulatedRunner _runner;
    private readonly List<Running> _arrived = [];
    private readonly List<Running> _first = [];
    private readonly List<Running> _ended = [];
    private readonly HashSet<Running> _live = [];
    private Scheduler _scheduler;
    private StepPlan? _plan;

    /// <summary>An idle replica with an empty cache.</summary>
    public SchedulerReplica(SimulationOptions options)
    {
        _options = options;
        _scheduling = options.Scheduling.WithAPlaceForEverySequence();
        _runner = new SimulatedRunner(_scheduling, options.BlockSize, options.Cost);
        _scheduler = NewScheduler();
    }

    /// <inheritdoc/>
    public double NextEvent { get; private set; } = double.PositiveInfinity;

    /// <inheritdoc/>
    public int RequestCount => _live.Count;

    /// <inheritdoc/>
    public void Add(ClusterRequest request, double now)
    {
        var running = new Running(this, request);
        _live.Add(running);
        _arrived.Add(running);
        if (_plan is null)
        {
            _runner.WaitUntil(now);
            Begin();
        }
    }

    /// <inheritdoc/>
    public void Advance(IReplicaEvents events)
    {
        var (plan, now) = (_plan!, _runner.Time);
        _plan = null;
        foreach (var row in plan.Rows)
        {
            _scheduler.Complete(row);
            if (row.Logits != LogitsWanted.None)
            {
                row.Sequence.Request.Output.Use(row, [], now: 0);
            }
        }

        foreach (var running in _first)
        {
            events.FirstToken(running.What, now);
        }

        foreach (var running in _first)
        {
            running.What.LastToken = now;
        }

        foreach (var running in _ended)
        {
            _live.Remove(running);
            _scheduler.EndRequest(running.Request);
            events.Ended(running.What, now);
        }

        _first.Clear();
        _ended.Clear();
        if (_plan is null)
        {
            Begin();
        }
    }

    /// <inheritdoc/>
    public void Kill(double now, List<ClusterRequest> lost)
    {
        lost.AddRange(_live.Select(running => running.What).OrderBy(request => request.Arrival));
        _live.Clear();
        _arrived.Clear();
        (_plan, NextEvent) = (null, double.PositiveInfinity);
        _scheduler = NewScheduler();
    }

    private static BlockDigest Hash(in BlockDigest parent, ReadOnlySpan<int> tokens)
    {
        // Not SHA-256: nobody attacks a simulation, and what is equal is decided by the tokens.
        Span<byte> bytes = stackalloc byte[32];
        parent.CopyTo(bytes);
        var words = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ulong>(bytes);
        var hash = words[0];
        foreach (var token in tokens)
        {
            hash = (hash ^ (uint)token) * 0x9e3779b97f4a7c15;
            hash ^= hash >> 29;
        }

        words[0] = SplitMix64.Mix(hash);
        words[1] = words[2] = words[3] = 0;
        return new BlockDigest(bytes);
    }

    private Scheduler NewScheduler()
    {
        var index = _scheduling.PrefixCaching
            ? new PrefixIndex(_options.BlockCount, _options.BlockSize, SimulatedRequest.Vocabulary, Hash)
            : null;
        return new Scheduler(_scheduling, new KvBlocks(new BlockPool(_options.BlockCount, index), _options.BlockSize));
    }

    /// <summary>Begins a step with what has arrived; the step's end is the next event.</summary>
    private void Begin()
    {
        foreach (var running in _arrived)
        {
            _scheduler.Add(running.Request);
        }

        _arrived.Clear();
        var plan = _scheduler.Plan();
        if (!plan.IsEmpty)
        {
            _runner.Step(plan);
            (_plan, NextEvent) = (plan, _runner.Time);
            return;
        }

        if (_live.Count > 0)
        {
            throw new InvalidOperationException($"Nothing was planned for {_live.Count} requests.");
        }

        NextEvent = double.PositiveInfinity;
    }

    private void Append(Running running, Sequence sequence)
    {
        var request = running.What;
        sequence.Append(request.Conversation.Token(sequence.Count));
        request.Emitted++;
        if (!running.HasToken)
        {
            running.HasToken = true;
            if (request.CachedTokens < 0)
            {
                request.CachedTokens = running.Request.CachedTokens;
            }

            _first.Add(running);
        }
        else
        {
            request.LastToken = _runner.Time;
        }

        if (request.Emitted == request.NewTokens)
        {
            _ended.Add(running);
        }
    }
}
