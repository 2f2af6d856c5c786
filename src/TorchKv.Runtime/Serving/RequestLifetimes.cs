using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving.Sessions;
using TorchKv.Runtime.Speculation;

namespace TorchKv.Runtime.Serving;

/// <summary>Starts and ends requests, on the engine's thread. Every request that was started is ended once.</summary>
internal sealed class RequestLifetimes
{
    private readonly Scheduler _scheduler;
    private readonly SessionStore _sessions;
    private readonly Drafter _drafter;
    private readonly EngineCounters _counters;
    private readonly EngineMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly HashSet<GenerationRequest> _live = [];
    private long _nextDeadline = long.MaxValue;

    public RequestLifetimes(
        Scheduler scheduler,
        SessionStore sessions,
        Drafter drafter,
        EngineCounters counters,
        EngineMetrics metrics,
        TimeProvider time)
    {
        _scheduler = scheduler;
        _sessions = sessions;
        _drafter = drafter;
        _counters = counters;
        _metrics = metrics;
        _time = time;
    }

    /// <summary>Whether any request has started and not ended.</summary>
    public bool HasRequests => _live.Count > 0;

    /// <summary>Starts a request that was submitted.</summary>
    public void StartRequest(GenerationRequest request)
    {
        _live.Add(request);
        _nextDeadline = Math.Min(_nextDeadline, request.DeadlineAt);
        try
        {
            // A request with a constraint may be cancelled before its message to start is there. Of all others the
            // message to cancel comes after the one to start.
            if (request.Constraints is not null && request.IsCancelled)
            {
                Cancel(request);
                return;
            }

            if (request.Decoding.IsEmpty)
            {
                request.Decoding.EndEmpty();
                return;
            }

            var (table, keepPrivate) = request.Session is { } session ? _sessions.BeginTurn(session) : (null, false);
            _scheduler.Add(request.Request, table, keepPrivate);
            _drafter.StartRequest(
                request.Request, request.Rules, request.Seed, request.MaxTotalTokens, request.Constraints);
            request.ShowBegin();
        }
        catch (Exception e)
        {
            EndRequest(request, new RequestFailedException("The request could not be started: " + e.Message, e));
        }
    }

    /// <summary>Keeps a request that was submitted but cannot start any more, until <see cref="EndAll"/>.</summary>
    public void KeepUnstarted(GenerationRequest request)
    {
        if (request.Request.State == RequestState.New)
        {
            _live.Add(request);
        }
    }

    /// <summary>Ends a request that was never started.</summary>
    public void EndUnstarted(GenerationRequest request, Exception error)
    {
        _live.Add(request);
        EndRequest(request, error);
    }

    /// <summary>Ends a request that its caller cancelled.</summary>
    public void Cancel(GenerationRequest request) =>
        EndRequest(request, new OperationCanceledException("The request was cancelled."));

    /// <summary>Ends the requests that are past their deadline.</summary>
    /// <param name="now">The time, as a timestamp.</param>
    public void EndExpired(long now)
    {
        if (now < _nextDeadline)
        {
            return;
        }

        foreach (var request in _live.Where(r => r.DeadlineAt <= now).ToArray())
        {
            EndRequest(
                request, new DeadlineExceededException(request.Options.Deadline!.Value, request.GeneratedTokens));
        }

        _nextDeadline = _live.Count == 0 ? long.MaxValue : _live.Min(r => r.DeadlineAt);
    }

    /// <summary>
    /// Ends a request in whatever state it is: its blocks are released, its reader gets the end or the error. No effect
    /// where it has ended.
    /// </summary>
    public void EndRequest(GenerationRequest request, Exception? error)
    {
        if (!_live.Remove(request))
        {
            return;
        }

        if (request.Session is { } session)
        {
            _sessions.EndTurn(session, request.Request, request.SessionTokens, error);
        }

        _drafter.EndRequest(request.Request);
        _scheduler.EndRequest(request.Request);
        request.ShowEnd(error);
        switch (error)
        {
            case null:
                _counters.CompletedRequests++;
                _metrics.RecordRequestDuration(request.SubmittedAt, _time.GetTimestamp());
                break;
            case OperationCanceledException:
                _counters.CancelledRequests++;
                break;
            default:
                _counters.FailedRequests++;
                break;
        }

        request.Stream.Complete(error);
    }

    /// <summary>Ends one of a request's sequences, and the request with the last one.</summary>
    public void EndSequence(GenerationRequest request, Sequence sequence)
    {
        var sequences = request.Request.Sequences;
        if (sequences.Count == request.Request.SequencesWanted
            && sequences.TrueForAll(s => s == sequence || s.IsFinished))
        {
            EndRequest(request, null);
            return;
        }

        _drafter.EndSequence(sequence);
        _scheduler.EndSequence(sequence);
    }

    /// <summary>Ends every request, since the engine stops.</summary>
    public void EndAll(EngineClosedException error)
    {
        foreach (var request in _live.ToArray())
        {
            try
            {
                EndRequest(request, error);
            }
            catch (Exception)
            {
                // After a defect the scheduler may be inconsistent. The reader gets its end all the same.
                request.Stream.Complete(error);
            }
        }
    }
}
