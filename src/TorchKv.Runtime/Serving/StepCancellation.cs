using TorchKv.Runtime.Scheduling;

namespace TorchKv.Runtime.Serving;

/// <summary>
/// Ends the running step early once every request in it is to be cancelled, or when the engine stops. A step with a row
/// of any other request runs to its end, so that no work of that request is lost. Thread-safe.
/// </summary>
internal sealed class StepCancellation
{
    private readonly object _gate = new();
    private readonly HashSet<Request> _marked = [];
    private readonly CancellationTokenSource _stop = new();
    private CancellationTokenSource _source = new();
    private PlannedRow[] _rows = [];
    private int _count;
    private bool _isSignalled;

    /// <summary>Signalled when the engine stops.</summary>
    public CancellationToken Stopping => _stop.Token;

    /// <summary>Whether the step that ran last was told to end early.</summary>
    public bool IsSignalled
    {
        get
        {
            lock (_gate)
            {
                return _isSignalled;
            }
        }
    }

    /// <summary>Marks a request that is to be cancelled.</summary>
    public void Mark(Request request)
    {
        lock (_gate)
        {
            _marked.Add(request);
        }
    }

    /// <summary>Takes the mark away: the request has ended.</summary>
    public void Unmark(Request request)
    {
        lock (_gate)
        {
            _marked.Remove(request);
        }
    }

    /// <summary>Ends the running step if every request in it is marked.</summary>
    public void EndMarkedStep()
    {
        CancellationTokenSource? source = null;
        lock (_gate)
        {
            if (!_isSignalled && IsEveryRowMarked())
            {
                _isSignalled = true;
                source = _source;
            }
        }

        // Outside the lock, since the runner's own handlers run here. Should the step have ended meanwhile, nothing
        // happens: the next one gets another source.
        source?.Cancel();
    }

    /// <summary>Ends the running step and every later one.</summary>
    public void Stop()
    {
        CancellationTokenSource source;
        _stop.Cancel();
        lock (_gate)
        {
            _isSignalled = true;
            source = _source;
        }

        source.Cancel();
    }

    /// <summary>On the engine's thread: begins a step.</summary>
    /// <param name="rows">Its rows, which stay as they are until <see cref="End"/>.</param>
    /// <param name="count">How many of them count.</param>
    /// <returns>The step's token.</returns>
    public CancellationToken Begin(PlannedRow[] rows, int count)
    {
        lock (_gate)
        {
            if (_isSignalled && !_stop.IsCancellationRequested)
            {
                _source = new CancellationTokenSource();
                _isSignalled = false;
            }

            (_rows, _count) = (rows, count);
            if (!_isSignalled && IsEveryRowMarked())
            {
                _isSignalled = true;
                _source.Cancel();
            }

            return _source.Token;
        }
    }

    /// <summary>On the engine's thread: ends the step.</summary>
    public void End()
    {
        lock (_gate)
        {
            _count = 0;
        }
    }

    private bool IsEveryRowMarked()
    {
        if (_count == 0 || _marked.Count == 0)
        {
            return false;
        }

        foreach (ref readonly var row in _rows.AsSpan(0, _count))
        {
            if (!_marked.Contains(row.Sequence.Request))
            {
                return false;
            }
        }

        return true;
    }
}
