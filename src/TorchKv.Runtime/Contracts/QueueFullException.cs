namespace TorchKv.Runtime.Contracts;

/// <summary>
/// Thrown when the queue of waiting requests is full. Nothing was queued; the request may be tried again later.
/// </summary>
public sealed class QueueFullException : TorchKvException
{
    /// <summary>A refusal that names the queue's length and limit, in requests.</summary>
    /// <param name="queued">Requests that wait.</param>
    /// <param name="capacity">The most that may wait.</param>
    public QueueFullException(int queued, int capacity)
        : base($"{queued} requests wait already, and at most {capacity} may; try again later.")
    {
        Queued = queued;
        Capacity = capacity;
    }

    /// <summary>Requests that wait.</summary>
    public int Queued { get; }

    /// <summary>The most that may wait.</summary>
    public int Capacity { get; }
}
