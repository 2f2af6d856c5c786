using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TorchKv.Runtime.Contracts.Live;
using TorchKv.Server.Configuration;
using TorchKv.Server.Contracts;
using TorchKv.Server.Errors;
using TorchKv.Server.Models;
using TorchKv.Server.Security;

namespace TorchKv.Server.Live;

/// <summary>
/// Shows the engine to viewers: one watch of the engine for all of them, which exists only while there are any.
/// </summary>
internal sealed partial class LiveFeed(
    TorchKvServerOptions options,
    ModelHost models,
    IHostApplicationLifetime lifetime,
    TimeProvider time,
    ILogger<LiveFeed> logger)
{
    /// <summary>The most viewers at once.</summary>
    public const int MaxViewers = 8;

    /// <summary>The least time between two events.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    // How long the watch outlives the last viewer, so that one whose connection broke finds what it missed.
    private static readonly TimeSpan Linger = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly List<LiveViewer> _viewers = [];
    private bool _isRunning;

    /// <summary>Whether the engine is watched.</summary>
    public bool IsRunning
    {
        get
        {
            lock (_gate)
            {
                return _isRunning;
            }
        }
    }

    /// <summary>The generator, as one that can be watched.</summary>
    /// <exception cref="ApiException">It cannot, or the model is not ready.</exception>
    public ILiveEngine Engine() => models.Use().Generator as ILiveEngine
        ?? throw new ApiException(
            404, ApiException.InvalidRequest, "not_watchable", null, "This server's generator cannot be watched.");

    /// <summary>Adds a viewer.</summary>
    /// <param name="lastEventId">The id of the last event that it has seen; null: none.</param>
    /// <exception cref="ApiException">There are too many, or there is nothing to see.</exception>
    public LiveViewer Join(string? lastEventId)
    {
        _ = Engine();
        var viewer = new LiveViewer(lastEventId);
        lock (_gate)
        {
            if (_viewers.Count >= MaxViewers)
            {
                throw new ApiException(
                    503,
                    ApiException.ServerError,
                    "too_many_viewers",
                    null,
                    $"{MaxViewers} viewers watch already, the most that this server shows the page to.")
                {
                    RetryAfterSeconds = 5,
                };
            }

            _viewers.Add(viewer);
            if (!_isRunning)
            {
                _isRunning = true;
                _ = Task.Run(RunAsync);
            }
        }

        return viewer;
    }

    /// <summary>Removes a viewer.</summary>
    public void Leave(LiveViewer viewer)
    {
        viewer.End();
        lock (_gate)
        {
            _viewers.Remove(viewer);
        }
    }

    private async Task RunAsync()
    {
        Exception? failure = null;
        try
        {
            var watch = await Engine().WatchAsync(options.PageText).ConfigureAwait(false);
            await using (watch.ConfigureAwait(false))
            {
                await ShowAsync(watch).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // The server stops; viewers come back to the next one.
        }
        catch (Exception e)
        {
            failure = e;
            LogEnd(logger, e);
        }

        LiveViewer[] left;
        lock (_gate)
        {
            left = [.. _viewers];
            _viewers.Clear();
            _isRunning = false;
        }

        Array.ForEach(left, viewer => viewer.End(failure));
    }

    /// <summary>Shows what the watch sees until there has been no viewer for a while.</summary>
    private async Task ShowAsync(ILiveWatch watch)
    {
        var name = RequestIds.New()[..8];
        var ring = new LiveRing();
        var model = models.Use();
        var seenAt = time.GetTimestamp();
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            if (await watch.ChangesAsync().ConfigureAwait(false) is { } changes)
            {
                ring.Add(LiveEvent.Of(
                    new LiveFrame
                    {
                        Type = "step",
                        Seq = ring.Last + 1,
                        Changes = changes,
                        Texts = LiveTexts.Of(model.Tokenizer, changes.Blocks),
                    },
                    name));
                Send(ring);
            }

            if (Newcomers() is { Length: > 0 } newcomers)
            {
                await BeginAsync(watch, ring, name, model, newcomers).ConfigureAwait(false);
            }

            lock (_gate)
            {
                seenAt = _viewers.Count > 0 ? time.GetTimestamp() : seenAt;
                if (time.GetElapsedTime(seenAt) > Linger)
                {
                    return;
                }
            }
        }
        while (await timer.WaitForNextTickAsync(lifetime.ApplicationStopping).ConfigureAwait(false));
    }

    private LiveViewer[] Newcomers()
    {
        lock (_gate)
        {
            return [.. _viewers.Where(viewer => !viewer.HasBegun)];
        }
    }

    /// <summary>Gives viewers what they missed, or all there is.</summary>
    private async Task BeginAsync(
        ILiveWatch watch, LiveRing ring, string name, ServedModel model, LiveViewer[] newcomers)
    {
        LiveEvent? snapshot = null;
        foreach (var viewer in newcomers)
        {
            viewer.HasBegun = true;
            if (LiveEvent.SeqOf(viewer.LastEventId, name) is { } seen && ring.After(seen) is { } missed)
            {
                if (missed.Count > 0)
                {
                    viewer.TryWrite(new LiveEvent(ring.Last, [.. missed.SelectMany(e => e.Bytes)]));
                }

                continue;
            }

            if (snapshot is null)
            {
                var state = await watch.SnapshotAsync().ConfigureAwait(false);
                snapshot = LiveEvent.Of(
                    new LiveFrame
                    {
                        Type = "snapshot",
                        Seq = ring.Last,
                        Model = model.Id,
                        Text = options.PageText,
                        State = state,
                        Texts = LiveTexts.Of(model.Tokenizer, state.Blocks),
                    },
                    name);
            }

            viewer.TryWrite(snapshot);
        }
    }

    /// <summary>Sends the last event to every viewer that has begun. One that does not read is dropped.</summary>
    private void Send(LiveRing ring)
    {
        var last = ring.After(ring.Last - 1)![0];
        lock (_gate)
        {
            _viewers.RemoveAll(viewer => viewer.HasBegun && !viewer.TryWrite(last));
        }
    }

    [LoggerMessage(LogLevel.Warning, "The live page's feed ended.")]
    private static partial void LogEnd(ILogger logger, Exception error);
}
