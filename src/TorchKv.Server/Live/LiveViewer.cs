using System.Threading.Channels;

namespace TorchKv.Server.Live;

/// <summary>One who reads the feed, and the events that wait to be sent to it.</summary>
/// <param name="lastEventId">The id of the last event that it has seen before; null: none.</param>
internal sealed class LiveViewer(string? lastEventId)
{
    /// <summary>The most events that wait: some seconds of them.</summary>
    public const int MaxWaiting = 32;

    private readonly Channel<LiveEvent> _events = Channel.CreateBounded<LiveEvent>(MaxWaiting);

    public string? LastEventId => lastEventId;

    /// <summary>Whether it has its snapshot, or what it missed.</summary>
    public bool HasBegun { get; set; }

    /// <summary>Whether its events ended because it does not read them.</summary>
    public bool IsSlow { get; private set; }

    /// <summary>The events, as they come.</summary>
    public ChannelReader<LiveEvent> Events => _events.Reader;

    /// <summary>Gives it an event. Where too many wait, its events end.</summary>
    public bool TryWrite(LiveEvent next)
    {
        if (_events.Writer.TryWrite(next))
        {
            return true;
        }

        IsSlow = true;
        End();
        return false;
    }

    /// <summary>Ends its events.</summary>
    /// <param name="error">Why; null: it left, or does not read.</param>
    public void End(Exception? error = null) => _events.Writer.TryComplete(error);
}
