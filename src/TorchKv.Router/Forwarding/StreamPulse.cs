using TorchKv.Router.Configuration;

namespace TorchKv.Router.Forwarding;

/// <summary>When one stream was heard of, and how long it may be silent.</summary>
/// <remarks>Its reader calls it, and the watch from a thread of its own.</remarks>
internal sealed class StreamPulse(RouterOptions options, TimeProvider time, Action giveUp)
{
    private const int Kept = 32;

    private readonly long[] _gaps = new long[Kept];
    private int _tokens;
    private long _tokenAt;
    private long _heardAt;
    private bool _isWaiting;
    private bool _isGivenUp;

    /// <summary>Whether the watch gave the stream up.</summary>
    public bool IsStalled => Volatile.Read(ref _isGivenUp);

    /// <summary>The reader begins to wait for the replica.</summary>
    public void Waits()
    {
        Volatile.Write(ref _heardAt, time.GetTimestamp());
        Volatile.Write(ref _isWaiting, true);
    }

    /// <summary>Something came; a comment too says that the replica lives.</summary>
    public void Heard() => Volatile.Write(ref _isWaiting, false);

    /// <summary>A token came.</summary>
    public void Token()
    {
        var now = time.GetTimestamp();
        if (_tokens > 0)
        {
            _gaps[(_tokens - 1) % Kept] = now - Volatile.Read(ref _tokenAt);
        }

        _tokens++;
        Volatile.Write(ref _tokenAt, now);
    }

    /// <summary>The router itself was not running for a while, which does not count.</summary>
    public void Forgive(TimeSpan paused)
    {
        var ticks = (long)(paused.TotalSeconds * time.TimestampFrequency);
        Interlocked.Add(ref _heardAt, ticks);
        Interlocked.Add(ref _tokenAt, ticks);
    }

    /// <summary>Gives the stream up where it is silent for too long.</summary>
    public void Check()
    {
        if (!Volatile.Read(ref _isWaiting) || IsStalled)
        {
            return;
        }

        var silence = time.GetElapsedTime(Volatile.Read(ref _heardAt));
        var sinceToken = _tokens == 0 ? TimeSpan.Zero : time.GetElapsedTime(Volatile.Read(ref _tokenAt));
        var isSilent = silence > options.StallLimit && silence > options.StallFactor * MedianGap();
        if (isSilent || sinceToken > options.TokenLimit)
        {
            Volatile.Write(ref _isGivenUp, true);
            giveUp();
        }
    }

    private TimeSpan MedianGap()
    {
        var count = Math.Min(_tokens - 1, Kept);
        if (count <= 0)
        {
            return TimeSpan.Zero;
        }

        var gaps = _gaps[..count];
        Array.Sort(gaps);
        return TimeSpan.FromSeconds((double)gaps[count / 2] / time.TimestampFrequency);
    }
}
