using TorchKv.Cluster.Routing;
using TorchKv.Runtime.Scheduling;

namespace TorchKv.Simulation.Replicas;

/// <summary>
/// A replica whose steps are a continuous flow: every request that decodes gains a token in the time of a step, and one
/// prompt after the other gains as many tokens as a step has room for. It has no block tables; its cache is a list of
/// the blocks used last, so that a request takes two events whatever its length.
/// </summary>
/// <remarks>
/// What it leaves out: blocks that running requests hold cannot be evicted in the engine, nobody is preempted here, and
/// the number of running requests has no limit.
/// </remarks>
internal sealed class FlowReplica : IReplicaModel
{
    private readonly SimulationOptions _options;
    private readonly PrefixHolders _caches;
    private readonly int _number;
    private readonly Queue<ClusterRequest> _prompts = new();
    private readonly PriorityQueue<ClusterRequest, double> _decoding = new();
    private readonly Dictionary<ClusterRequest, double> _ends = [];

    // Steps since the start, as a real number: a request ends a fixed number of steps after its first token.
    private double _steps;
    private double _now;
    private double _promptLeft;
    private int _promptPerStep;
    private long _attended;

    /// <summary>An idle replica with an empty cache.</summary>
    /// <param name="options">Pool and costs.</param>
    /// <param name="caches">What all replicas have.</param>
    /// <param name="number">Its number there.</param>
    public FlowReplica(SimulationOptions options, PrefixHolders caches, int number)
    {
        (_options, _caches, _number) = (options, caches, number);
        _caches.Reset(number, options.BlockCount);
    }

    /// <inheritdoc/>
    public double NextEvent { get; private set; } = double.PositiveInfinity;

    /// <inheritdoc/>
    public int RequestCount => _prompts.Count + _decoding.Count;

    private StepCost Cost => _options.Cost;

    private double StepTime =>
        Cost.PerStep
        + (Cost.PerToken * (_decoding.Count + (_prompts.Count > 0 ? _promptPerStep : 0)))
        + (Cost.PerAttendedToken * _attended);

    /// <inheritdoc/>
    public void Add(ClusterRequest request, double now)
    {
        Flow(now);
        _prompts.Enqueue(request);
        if (_prompts.Count == 1)
        {
            BeginPrompt();
        }

        Foresee();
    }

    /// <inheritdoc/>
    public void Advance(IReplicaEvents events)
    {
        Flow(NextEvent);
        var isPromptDone = _prompts.Count > 0 && _promptLeft <= 1e-6;
        var ended = !isPromptDone ? _decoding.Dequeue() : null;
        if (isPromptDone)
        {
            var request = _prompts.Dequeue();
            _caches.Use(_number, request.Digests);
            request.Emitted++;
            if (_prompts.Count > 0)
            {
                BeginPrompt();
            }

            Foresee();
            events.FirstToken(request, _now);
            request.LastToken = _now;
            if (request.Emitted == request.NewTokens)
            {
                ended = request;
            }
            else
            {
                var end = _steps + request.NewTokens - request.Emitted;
                _decoding.Enqueue(request, end);
                _ends.Add(request, end);
                _attended += request.Length;
            }
        }
        else
        {
            _attended -= ended!.Length;
            _ends.Remove(ended);
            (ended.Emitted, ended.LastToken) = (ended.NewTokens, _now);
        }

        Foresee();
        if (ended is not null)
        {
            _caches.Use(_number, ended.Digests);
            events.Ended(ended, _now);
            Foresee();
        }
    }

    /// <inheritdoc/>
    public void Kill(double now, List<ClusterRequest> lost)
    {
        Flow(now);
        lost.AddRange(_prompts);
        foreach (var (request, end) in _ends)
        {
            request.Emitted = request.NewTokens - Math.Clamp((int)Math.Ceiling(end - _steps), 1, request.NewTokens - 1);
            request.LastToken = _now;
            lost.Add(request);
        }

        lost.Sort((a, b) => (a.Arrival, a.Conversation.Number).CompareTo((b.Arrival, b.Conversation.Number)));
        _prompts.Clear();
        _decoding.Clear();
        _ends.Clear();
        (_attended, NextEvent) = (0, double.PositiveInfinity);
        _caches.Reset(_number, _options.BlockCount);
    }

    private void BeginPrompt()
    {
        var request = _prompts.Peek();
        var usable = (request.Length - 1) / _options.BlockSize;
        var cached = _caches.Matched(_number, request.Digests[..usable]) * _options.BlockSize;
        if (request.Emitted == 0)
        {
            request.CachedTokens = cached;
        }

        _promptLeft = request.Length - cached;
    }

    /// <summary>Moves on to a moment before which nothing happens.</summary>
    private void Flow(double now)
    {
        if (now > _now && RequestCount > 0)
        {
            var steps = (now - _now) / StepTime;
            _steps += steps;
            _promptLeft -= _prompts.Count > 0 ? steps * _promptPerStep : 0;
        }

        _now = Math.Max(_now, now);
    }

    private void Foresee()
    {
        _promptPerStep = PromptPerStep();
        var steps = _prompts.Count > 0 ? Math.Max(0, _promptLeft) / _promptPerStep : double.PositiveInfinity;
        if (_decoding.TryPeek(out _, out var end))
        {
            steps = Math.Min(steps, Math.Max(0, end - _steps));
        }

        NextEvent = double.IsInfinity(steps) ? steps : _now + (steps * StepTime);
    }

    private int PromptPerStep()
    {
        var room = _decoding.Count == 0
            ? _options.Scheduling.MaxTokensPerStep
            : _options.Scheduling.PrefillTokensBesideDecodes;
        return (int)Math.Clamp(Math.Ceiling(_promptLeft), 1, room);
    }
}
