using Microsoft.Extensions.Hosting;
using TorchKv.Router.Configuration;

namespace TorchKv.Router.Forwarding;

/// <summary>Looks at all streams ten times a second and gives up those that are silent for too long.</summary>
/// <remarks>One timer for all of them, since a timer for each token would cost more than the token.</remarks>
internal sealed class StallWatch(RouterOptions options, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);

    // What a busy machine may delay the timer by.
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(300);

    private readonly Lock _gate = new();
    private readonly HashSet<StreamPulse> _streams = [];

    /// <summary>Begins to watch a stream.</summary>
    /// <param name="giveUp">Called once, when it is silent for too long.</param>
    public StreamPulse Watch(Action giveUp)
    {
        var pulse = new StreamPulse(options, time, giveUp);
        lock (_gate)
        {
            _streams.Add(pulse);
        }

        return pulse;
    }

    /// <summary>Ends to watch a stream.</summary>
    public void Leave(StreamPulse pulse)
    {
        lock (_gate)
        {
            _streams.Remove(pulse);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(s_interval, time);
        var last = time.GetTimestamp();
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
        {
            // Time in which the router itself was stopped is no silence of the replicas.
            var now = time.GetTimestamp();
            var paused = time.GetElapsedTime(last, now) - s_interval;
            last = now;
            StreamPulse[] streams;
            lock (_gate)
            {
                streams = [.. _streams];
            }

            foreach (var stream in streams)
            {
                if (paused > s_pause)
                {
                    stream.Forgive(paused);
                }

                stream.Check();
            }
        }
    }
}
