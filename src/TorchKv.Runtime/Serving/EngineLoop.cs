using System.Diagnostics;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Speculation;

namespace TorchKv.Runtime.Serving;

/// <summary>
/// The engine's thread: takes what was submitted, plans a step, runs it, and hands out what came of it. Pool, scheduler and
/// runner belong to this thread alone; other threads leave messages.
/// </summary>
internal sealed partial class EngineLoop
{
    private readonly IModelRunner _runner;
    private readonly Sampler _sampler;
    private readonly EngineOptions _options;
    private readonly BlockPool _pool;
    private readonly Scheduler _scheduler;
    private readonly EngineMetrics _metrics;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly HashSet<GenerationRequest> _live = [];

    // Under _gate.
    private readonly object _gate = new();
    private List<GenerationRequest> _submitted = [];
    private List<Action> _messages = [];
    private int _waiting;
    private bool _closed;
    private Exception? _broken;
    private EngineStats _stats;

    private List<GenerationRequest> _taken = [];
    private List<Action> _takenMessages = [];
    private RunnerRow[] _rows = new RunnerRow[64];
    private PlannedRow[] _planned = new PlannedRow[64];
    private float[] _logits = [];
    private volatile bool _anyCancelled;
    private long _nextDeadline = long.MaxValue;
    private long _now;
    private EngineStats _totals;

    public EngineLoop(IModelRunner runner, IModelRunner? draft, EngineOptions options)
    {
        _runner = runner;
        _sampler = new Sampler(runner.Model.VocabSize);
        _options = options;
        var scheduling = options.Scheduling with { MaxTokensPerStep = Math.Min(options.Scheduling.MaxTokensPerStep, runner.MaxTokensPerStep) };
        scheduling.Validate();
        scheduling = scheduling.WithAPlaceForEverySequence();
        _pool = new BlockPool(
            runner.BlockCount,
            scheduling.PrefixCaching ? new PrefixIndex(runner.BlockCount, runner.BlockSize, runner.Model.VocabSize) : null);
        _scheduler = new Scheduler(scheduling, _pool, runner.BlockSize) { ReclaimIdle = ReclaimIdleSession };
        Scheduling = scheduling;
        _draft = draft is null ? null : new DraftModel(draft, scheduling.MaxRunningSequences, options.TimeProvider);
        _forecast = new StepForecast(_times);
        PublishStats();
        _metrics = new EngineMetrics(() => Stats);
        new Thread(Run) { IsBackground = true, Name = "TorchKv engine" }.Start();
    }

    public SchedulingOptions Scheduling { get; }

    public BlockPool Pool => _pool;

    public BlockPool? DraftPool => _draft?.Pool;

    public EngineStats Stats
    {
        get
        {
            lock (_gate)
            {
                return _stats with { QueuedRequests = _waiting + _submitted.Count };
            }
        }
    }

    /// <summary>Queues a request, or refuses it and leaves everything as it was.</summary>
    public void Submit(GenerationRequest request)
    {
        lock (_gate)
        {
            ThrowIfClosed();
            if (_waiting + _submitted.Count >= Scheduling.MaxQueuedRequests)
            {
                throw new QueueFullException(_waiting + _submitted.Count, Scheduling.MaxQueuedRequests);
            }

            request.SubmittedAt = _options.TimeProvider.GetTimestamp();
            if (request.Options.Deadline is { } deadline)
            {
                var ticks = deadline.TotalSeconds * _options.TimeProvider.TimestampFrequency;
                request.DeadlineAt = ticks < long.MaxValue / 2 ? request.SubmittedAt + (long)ticks : long.MaxValue;
            }

            _submitted.Add(request);
            Monitor.Pulse(_gate);
        }
    }

    public void Cancel(GenerationRequest request)
    {
        request.Cancel();
        lock (_gate)
        {
            _anyCancelled = true;
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Runs something on the engine's thread between two steps.</summary>
    public Task<T> InvokeAsync<T>(Func<T> action)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            ThrowIfClosed();
            _messages.Add(() =>
            {
                if (_stop.IsCancellationRequested)
                {
                    done.TrySetException(Closed());
                    return;
                }

                try
                {
                    done.TrySetResult(action());
                }
                catch (Exception e)
                {
                    done.TrySetException(e);
                }
            });
            Monitor.Pulse(_gate);
        }

        return done.Task;
    }

    /// <summary>Ends every request with <see cref="EngineClosedException"/>; done when the thread has ended and the runner is disposed.</summary>
    public Task StopAsync()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.Pulse(_gate);
        }

        _stop.Cancel();
        return _stopped.Task;
    }

    private EngineClosedException Closed() => new(_broken);

    private void ThrowIfClosed()
    {
        if (_closed)
        {
            throw Closed();
        }
    }

    private void Run()
    {
        try
        {
            while (TakeMessages())
            {
                RemoveCancelled();
                RemoveExpired();
                var started = Stopwatch.GetTimestamp();
                ProposeDrafts();
                var plan = _scheduler.Plan();
                _totals = _totals with { SchedulingTime = _totals.SchedulingTime + Stopwatch.GetElapsedTime(started) };
                if (plan.Unplaceable is GenerationRequest unplaceable)
                {
                    FailUnplaceable(unplaceable);
                }

                if (!plan.IsEmpty)
                {
                    Execute(plan);
                }
                else if (_live.Count > 0 && plan.Unplaceable is null)
                {
                    FailUnplaceable((GenerationRequest?)_scheduler.Running.LastOrDefault() ?? _live.First());
                }

                PublishStats();
            }
        }
        catch (Exception e)
        {
            // A defect in the engine itself: nothing it holds can be trusted any more, but nobody is left waiting.
            lock (_gate)
            {
                _broken = e;
                _closed = true;
            }
        }

        Close();
    }

    private void Close()
    {
        try
        {
            lock (_gate)
            {
                _closed = true;
                _taken.AddRange(_submitted);
                _submitted = [];
                _takenMessages.AddRange(_messages);
                _messages = [];
            }

            _stop.Cancel();
            foreach (var request in _live.Concat(_taken).Distinct().ToArray())
            {
                try
                {
                    EndRequest(request, request.IsCancelled ? new OperationCanceledException() : Closed());
                }
                catch (Exception)
                {
                    // After a defect the books may be wrong; the reader gets its end all the same.
                    request.End(Closed());
                }
            }

            foreach (var message in _takenMessages)
            {
                message();
            }

            ReleaseSessions();
            PublishStats();
            _metrics.Dispose();
            _runner.Dispose();
            _draft?.Dispose();
            _stopped.TrySetResult();
        }
        catch (Exception e)
        {
            _stopped.TrySetException(e);
        }
    }

    /// <summary>Takes what other threads left; waits while there is nothing to do. False when the engine is to stop.</summary>
    private bool TakeMessages()
    {
        lock (_gate)
        {
            while (!_closed && _live.Count == 0 && _submitted.Count == 0 && _messages.Count == 0)
            {
                _anyCancelled = false;
                Monitor.Wait(_gate);
            }

            if (_closed)
            {
                return false;
            }

            (_submitted, _taken) = (_taken, _submitted);
            (_messages, _takenMessages) = (_takenMessages, _messages);
            _waiting += _taken.Count;
        }

        foreach (var request in _taken)
        {
            _live.Add(request);
            _nextDeadline = Math.Min(_nextDeadline, request.DeadlineAt);

            // It may have been cancelled while nobody knew it yet, and those who were asked to leave then have left already.
            if (request.IsCancelled)
            {
                _anyCancelled = true;
            }

            Start(request);
        }

        _taken.Clear();
        foreach (var message in _takenMessages)
        {
            message();
        }

        _takenMessages.Clear();
        return true;
    }

    /// <summary>On the engine's thread alone.</summary>
    public EngineSnapshot Snapshot() => EngineSnapshot.Of(_scheduler, _pool, _runner.BlockSize);

    private double Seconds(long ticks) => (double)ticks / _options.TimeProvider.TimestampFrequency;

    /// <summary>On the engine's thread alone.</summary>
    public EngineStats PublishStats()
    {
        var held = 0L;
        foreach (var request in _scheduler.Running)
        {
            foreach (var sequence in request.Sequences)
            {
                held += ((long)sequence.Table.BlockCount * _runner.BlockSize) - sequence.Table.TokenCount;
            }
        }

        lock (_gate)
        {
            _waiting = _scheduler.WaitingCount;
            _stats = _totals with
            {
                RunningRequests = _scheduler.Running.Count,
                RunningSequences = _scheduler.RunningSequences,
                TotalBlocks = _pool.Count,
                FreeBlocks = _pool.FreeCount,
                HeldBlocks = _pool.HeldCount,
                PeakHeldBlocks = _pool.PeakHeldCount,
                BytesPerBlock = _runner.BytesPerBlock,
                CachedBlocks = _pool.CachedCount,
                UnusedTokenSlots = held,
                PromptTokens = _scheduler.PromptTokens,
                PrefixHitTokens = _scheduler.PrefixHitTokens,
                Preemptions = _scheduler.PreemptionCount,
                Evictions = _pool.EvictionCount,
            };
            return _stats with { QueuedRequests = _waiting };
        }
    }
}
