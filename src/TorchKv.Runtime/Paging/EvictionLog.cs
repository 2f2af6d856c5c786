namespace TorchKv.Runtime.Paging;

/// <summary>
/// Which blocks the index has forgotten and when, the last ones of them. It is kept only while the engine is watched.
/// </summary>
/// <remarks>
/// Blocks are told apart by 32 bits of their digest and 32 of their tokens' hash: a wrong answer would mislead a
/// reader of the page, not a request. Not thread-safe.
/// </remarks>
internal sealed class EvictionLog
{
    private const int Capacity = 8192;
    private readonly Func<long> _clock;
    private readonly Dictionary<ulong, long> _times = [];
    private readonly Queue<(ulong Block, long Time)> _order = new();

    /// <summary>An empty log.</summary>
    /// <param name="clock">The time, as a timestamp.</param>
    public EvictionLog(Func<long> clock) => _clock = clock;

    /// <summary>Notes that a block was forgotten.</summary>
    public void Add(uint fingerprint, ReadOnlySpan<int> tokens)
    {
        var block = Key(fingerprint, tokens);
        var time = _clock();
        _times[block] = time;
        _order.Enqueue((block, time));
        if (_order.Count > Capacity)
        {
            var (oldest, at) = _order.Dequeue();
            if (_times.GetValueOrDefault(oldest) == at)
            {
                _times.Remove(oldest);
            }
        }
    }

    /// <summary>When a block was forgotten; null where the log does not know it.</summary>
    public long? Find(uint fingerprint, ReadOnlySpan<int> tokens) =>
        _times.TryGetValue(Key(fingerprint, tokens), out var time) ? time : null;

    private static ulong Key(uint fingerprint, ReadOnlySpan<int> tokens)
    {
        var hash = 2166136261u;
        foreach (var token in tokens)
        {
            hash = (hash ^ (uint)token) * 16777619u;
        }

        return ((ulong)fingerprint << 32) | hash;
    }
}
