using TorchKv.Runtime.Contracts.Live;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Scheduling;

namespace TorchKv.Runtime.Serving.Live;

/// <summary>Notes what an engine does while it is watched.</summary>
/// <remarks>On the engine's thread alone. There is none while nobody watches.</remarks>
internal sealed class EngineRecorder
{
    private const int KeptSteps = 300;
    private const int KeptEnded = 32;
    private readonly Scheduler _scheduler;
    private readonly TimeProvider _time;
    private readonly long _origin;
    private readonly TenantNumbers _tenants = new();
    private readonly BlockStates _blocks;
    private readonly Dictionary<Request, RequestTrack> _live = [];
    private readonly HashSet<RequestTrack> _preparing = [];
    private readonly Queue<RequestTrack> _ended = new();
    private readonly Queue<LiveStep> _steps = new();
    private readonly List<(RequestTrack Track, LivePhase Phase, int Tokens)> _rows = [];
    private LiveStep _step;
    private long _lastRequest;
    private long _stepNumber;
    private long _takenSteps;
    private long _preemptions;
    private bool _isIdle;

    /// <summary>A recorder that begins now.</summary>
    /// <param name="scheduler">The engine's.</param>
    /// <param name="blocks">The engine's.</param>
    /// <param name="time">The engine's.</param>
    /// <param name="withTokens">Whether blocks come with their tokens.</param>
    public EngineRecorder(Scheduler scheduler, KvBlocks blocks, TimeProvider time, bool withTokens)
    {
        _scheduler = scheduler;
        _time = time;
        _origin = time.GetTimestamp();
        _preemptions = scheduler.PreemptionCount;
        _blocks = new BlockStates(blocks, _tenants, NumberOf, withTokens);
        foreach (var request in scheduler.Running.Concat(scheduler.Waiting).OrderBy(request => request.Arrival))
        {
            Begin(request, _origin);
        }
    }

    /// <summary>Milliseconds since the watch began.</summary>
    public double Now => At(_time.GetTimestamp());

    /// <summary>A request was submitted whose constraint is compiled first.</summary>
    /// <param name="request">The request.</param>
    /// <param name="submittedAt">When it was submitted, as a timestamp.</param>
    public void BeginPreparation(Request request, long submittedAt)
    {
        var track = Track(request, submittedAt);
        track.Prepares(track.SubmittedAt, Now);
        _preparing.Add(track);
    }

    /// <summary>A request was given to the scheduler.</summary>
    /// <param name="request">The request.</param>
    /// <param name="submittedAt">When it was submitted, as a timestamp.</param>
    /// <param name="preparedAt">When its constraint was compiled, as a timestamp; null: it has none.</param>
    public void Begin(Request request, long submittedAt, long? preparedAt = null)
    {
        if (!_live.TryGetValue(request, out var track))
        {
            track = Track(request, submittedAt);
        }

        _preparing.Remove(track);
        var from = track.SubmittedAt;
        if (preparedAt is { } prepared)
        {
            track.Prepares(from, At(prepared));
            from = At(prepared);
        }

        track.Waits(from, Now);
    }

    /// <summary>A request has ended.</summary>
    public void End(Request request, LivePhase phase)
    {
        if (_live.Remove(request, out var track))
        {
            _preparing.Remove(track);
            track.End(phase, Now);
            _ended.Enqueue(track);
        }
    }

    /// <summary>Drafts of a request were verified.</summary>
    public void CountDrafts(Request request, int drafted, int accepted)
    {
        if (_live.TryGetValue(request, out var track))
        {
            track.CountDrafts(drafted, accepted);
        }
    }

    /// <summary>A step has been planned and runs now.</summary>
    public void BeginStep(StepPlan plan)
    {
        var now = Now;
        int prefill = 0, decode = 0, drafts = 0;
        _rows.Clear();
        foreach (var row in plan.Rows)
        {
            var isDecode = Scheduler.IsDecoding(row.Sequence);
            if (isDecode)
            {
                decode++;
                drafts += row.Count - 1;
            }
            else
            {
                prefill += row.Count;
            }

            if (_live.TryGetValue(row.Sequence.Request, out var track))
            {
                _rows.Add((track, isDecode ? LivePhase.Decode : LivePhase.Prefill, row.Count));
            }
        }

        var preempted = (int)(_scheduler.PreemptionCount - _preemptions);
        if (preempted > 0)
        {
            NoteWaiting(now);
        }

        _preemptions += preempted;
        _step = new LiveStep(++_stepNumber, now, 0, prefill, decode, drafts, plan.Rows.Count, preempted);
    }

    /// <summary>The step has run, and its logits were used.</summary>
    public void EndStep()
    {
        var now = Now;
        foreach (var (track, phase, tokens) in _rows)
        {
            track.Computed(phase, _step.Time, now, tokens);
        }

        _steps.Enqueue(_step with { Milliseconds = now - _step.Time });
        if (_steps.Count > KeptSteps)
        {
            _steps.Dequeue();
        }
    }

    /// <summary>What has changed since the last call; null where nothing has.</summary>
    public LiveChanges? Changes(LiveCounters counters)
    {
        var now = Now;
        NoteWaiting(now);
        var requests = new List<LiveRequest>();
        foreach (var track in _ended.Concat(_live.Values))
        {
            if (track.HasChanged)
            {
                requests.Add(track.Take(whole: false));
            }
        }

        while (_ended.Count > KeptEnded)
        {
            _ended.Dequeue();
        }

        var blocks = _blocks.Take(_scheduler, now, whole: false);
        var taken = _takenSteps;
        LiveStep[] steps = [.. _steps.Where(step => step.Number > taken)];
        _takenSteps = _stepNumber;
        var wasIdle = _isIdle;
        _isIdle = requests.Count == 0 && blocks.Count == 0 && steps.Length == 0;
        return _isIdle && wasIdle ? null : new LiveChanges(now, blocks, requests, steps, counters);
    }

    /// <summary>Everything as it is now. What <see cref="Changes"/> gives next does not depend on it.</summary>
    public LiveSnapshot Snapshot(LiveCounters counters, KvBlocks blocks, int bytesPerBlock, int contextLength)
    {
        var now = Now;
        return new LiveSnapshot(
            now,
            blocks.BlockSize,
            blocks.Pool.Count,
            bytesPerBlock,
            contextLength,
            _blocks.Take(_scheduler, now, whole: true),
            [.. _ended.TakeLast(KeptEnded).Concat(_live.Values).Select(track => track.Take(whole: true))],
            [.. _steps],
            counters);
    }

    private RequestTrack Track(Request request, long submittedAt) => _live[request] = new RequestTrack(
        request, ++_lastRequest, _tenants.Of(request.Root.Link.Salt), At(submittedAt));

    private long NumberOf(Request request) => _live[request].Number;

    /// <summary>Makes the spans of requests that wait reach to the present.</summary>
    private void NoteWaiting(double now)
    {
        foreach (var track in _preparing)
        {
            track.Prepares(track.SubmittedAt, now);
        }

        foreach (var request in _scheduler.Waiting)
        {
            if (_live.TryGetValue(request, out var track))
            {
                track.Waits(now, now);
            }
        }
    }

    private double At(long timestamp) =>
        Math.Round(_time.GetElapsedTime(_origin, timestamp).TotalMilliseconds, 3);
}
