namespace TorchKv.Server.Live;

/// <summary>The last events of the feed, for viewers whose connection broke. Not thread-safe.</summary>
internal sealed class LiveRing
{
    private const int MaxEvents = 256;
    private const int MaxBytes = 4 << 20;
    private readonly Queue<LiveEvent> _events = new();
    private int _bytes;

    /// <summary>The number of the last event; 0: none yet.</summary>
    public long Last { get; private set; }

    public void Add(LiveEvent next)
    {
        _events.Enqueue(next);
        _bytes += next.Bytes.Length;
        Last = next.Seq;
        while (_events.Count > MaxEvents || (_bytes > MaxBytes && _events.Count > 1))
        {
            _bytes -= _events.Dequeue().Bytes.Length;
        }
    }

    /// <summary>The events after one; null where some of them are no longer here.</summary>
    public IReadOnlyList<LiveEvent>? After(long seq) =>
        seq == Last ? []
        : seq < Last && _events.TryPeek(out var first) && first.Seq <= seq + 1
            ? [.. _events.Where(e => e.Seq > seq)]
            : null;
}
