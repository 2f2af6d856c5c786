using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Serving;

/// <summary>
/// What the engine's thread and all others exchange: messages in one queue, in the order in which they came, and the
/// engine's last statistics. Thread-safe.
/// </summary>
internal sealed class Mailbox
{
    private readonly object _gate = new();
    private readonly int _maxQueuedRequests;
    private readonly PublishedStats _published = new();
    private List<Message> _messages = [];
    private List<Message> _taken = [];
    private int _submitted;
    private int _reserved;
    private bool _isClosed;
    private Exception? _cause;
    private EngineStats _stats;

    /// <param name="maxQueuedRequests">The most requests that wait: for the engine's thread, or to be admitted.</param>
    public Mailbox(int maxQueuedRequests) => _maxQueuedRequests = maxQueuedRequests;

    /// <summary>
    /// The statistics that were published last; requests that were submitted since, or whose constraint is being
    /// prepared, count as queued. Takes no lock.
    /// </summary>
    public EngineStats Stats => _published.Read();

    /// <summary>Leaves the message that starts a request, or refuses it and changes nothing.</summary>
    /// <param name="start">Starts the request, on the engine's thread.</param>
    /// <param name="refuse">Runs instead where the engine stops first.</param>
    public void Submit(Action start, Action refuse)
    {
        lock (_gate)
        {
            ThrowIfClosedOrFull();
            _submitted++;
            PublishWithSubmitted();
            Post(new Message(start, refuse));
        }
    }

    /// <summary>
    /// Takes a place in the queue for a request that is not ready to start, or refuses it and changes nothing. The
    /// request counts as queued.
    /// </summary>
    public void Reserve()
    {
        lock (_gate)
        {
            ThrowIfClosedOrFull();
            _reserved++;
            PublishWithSubmitted();
        }
    }

    /// <summary>
    /// Leaves the message that starts a request that has a place; gives the place back where it throws.
    /// </summary>
    /// <inheritdoc cref="Submit"/>
    public void SubmitReserved(Action start, Action refuse)
    {
        lock (_gate)
        {
            _reserved--;
            PublishWithSubmitted();
            ThrowIfClosed();
            _submitted++;
            PublishWithSubmitted();
            Post(new Message(start, refuse));
        }
    }

    /// <summary>Gives back the place of a request that will not start.</summary>
    public void GiveUpReservation()
    {
        lock (_gate)
        {
            _reserved--;
            PublishWithSubmitted();
        }
    }

    /// <summary>
    /// Leaves a message that runs in any case, be it while the engine stops; false where it has stopped already.
    /// </summary>
    public bool TryPost(Action message)
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                return false;
            }

            Post(new Message(message, message));
            return true;
        }
    }

    /// <summary>Runs something on the engine's thread between two steps.</summary>
    public Task InvokeAsync(Action action) => InvokeAsync(() =>
    {
        action();
        return true;
    });

    /// <summary>Runs something on the engine's thread between two steps.</summary>
    public Task<T> InvokeAsync<T>(Func<T> function)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            ThrowIfClosed();
            Post(new Message(Run, () => done.TrySetException(Closed())));
        }

        return done.Task;

        void Run()
        {
            try
            {
                done.TrySetResult(function());
            }
            catch (Exception e)
            {
                done.TrySetException(e);
            }
        }
    }

    /// <summary>On the engine's thread: handles the messages. False when the engine is to stop.</summary>
    /// <param name="wait">Whether to wait where there is no message.</param>
    public bool HandleMessages(bool wait)
    {
        lock (_gate)
        {
            while (wait && !_isClosed && _messages.Count == 0)
            {
                Monitor.Wait(_gate);
            }

            if (_isClosed)
            {
                return false;
            }

            Take();
        }

        foreach (var message in _taken)
        {
            message.Run();
        }

        _taken.Clear();
        return true;
    }

    /// <summary>Takes no message any more, and wakes the engine's thread.</summary>
    /// <param name="cause">What broke the engine; null where it was disposed.</param>
    public void Close(Exception? cause)
    {
        lock (_gate)
        {
            _isClosed = true;
            _cause ??= cause;
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>
    /// On the engine's thread, once it is closed: tells the messages that are left that the engine stops.
    /// </summary>
    public void RefuseMessages()
    {
        lock (_gate)
        {
            // Those taken before a defect, of which some have run: to refuse them again has no effect.
            _messages.InsertRange(0, _taken);
            _taken.Clear();
            Take();
        }

        foreach (var message in _taken)
        {
            message.Refuse();
        }

        _taken.Clear();
    }

    /// <summary>On the engine's thread: replaces the statistics.</summary>
    public void Publish(in EngineStats stats)
    {
        lock (_gate)
        {
            _stats = stats;
            PublishWithSubmitted();
        }
    }

    /// <summary>The error for submitters and readers of an engine that has stopped.</summary>
    public EngineClosedException Closed() => new(_cause);

    private int Queued => _stats.QueuedRequests + _submitted + _reserved;

    private void Post(in Message message)
    {
        _messages.Add(message);
        Monitor.Pulse(_gate);
    }

    private void Take()
    {
        (_messages, _taken) = (_taken, _messages);
        _stats = _stats with { QueuedRequests = _stats.QueuedRequests + _submitted };
        _submitted = 0;
    }

    private void ThrowIfClosedOrFull()
    {
        ThrowIfClosed();
        if (Queued >= _maxQueuedRequests)
        {
            throw new QueueFullException(Queued, _maxQueuedRequests);
        }
    }

    private void PublishWithSubmitted() => _published.Write(_stats with { QueuedRequests = Queued });

    private void ThrowIfClosed()
    {
        if (_isClosed)
        {
            throw Closed();
        }
    }

    /// <param name="Run">Handles the message.</param>
    /// <param name="Refuse">Runs instead where the engine stops first.</param>
    private readonly record struct Message(Action Run, Action Refuse);
}
