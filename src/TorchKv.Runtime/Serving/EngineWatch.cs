using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Contracts.Live;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Serving.Live;

namespace TorchKv.Runtime.Serving;

/// <summary>Someone watches the engine: the recorder that the engine's thread fills meanwhile.</summary>
internal sealed class EngineWatch : ILiveWatch
{
    private readonly EngineLoop _loop;
    private readonly EngineRecorder _recorder;

    private EngineWatch(EngineLoop loop, EngineRecorder recorder)
    {
        _loop = loop;
        _recorder = recorder;
    }

    /// <summary>Begins a watch; on the engine's thread.</summary>
    /// <exception cref="RequestException">There is one already.</exception>
    public static EngineWatch Begin(EngineLoop loop, bool withTokens)
    {
        var parts = loop.Parts;
        if (parts.Recorder is not null)
        {
            throw new RequestException("The engine is being watched already; it has one watch at a time.");
        }

        var recorder = new EngineRecorder(parts.Scheduler, parts.Blocks, parts.Time, withTokens);
        parts.Recorder = recorder;
        if (parts.Blocks.Pool.Prefixes is { } index)
        {
            index.Evictions = new EvictionLog(parts.Time.GetTimestamp);
        }

        return new EngineWatch(loop, recorder);
    }

    /// <inheritdoc/>
    public Task<LiveSnapshot> SnapshotAsync() => _loop.InvokeAsync(() =>
    {
        var parts = _loop.Parts;
        return _recorder.Snapshot(Counters(), parts.Blocks, parts.BytesPerBlock, parts.Model.ContextLength);
    });

    /// <inheritdoc/>
    public Task<LiveChanges?> ChangesAsync() => _loop.InvokeAsync(() => _recorder.Changes(Counters()));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await _loop.InvokeAsync(End).ConfigureAwait(false);
        }
        catch (EngineClosedException)
        {
            // The engine has stopped, and its recorder with it.
        }
    }

    private void End()
    {
        var parts = _loop.Parts;
        if (parts.Recorder == _recorder)
        {
            parts.Recorder = null;
            if (parts.Blocks.Pool.Prefixes is { } index)
            {
                index.Evictions = null;
            }
        }
    }

    private LiveCounters Counters()
    {
        var parts = _loop.Parts;
        var stats = parts.Stats();
        var reserved = (long)stats.RunningSequences * parts.Model.ContextLength;
        foreach (var request in parts.Scheduler.Running)
        {
            foreach (var sequence in request.Sequences)
            {
                reserved -= sequence.Table.TokenCount;
            }
        }

        return new LiveCounters
        {
            Queued = stats.QueuedRequests,
            Running = stats.RunningRequests,
            RunningSequences = stats.RunningSequences,
            FreeBlocks = stats.FreeBlocks,
            HeldBlocks = stats.HeldBlocks,
            CachedBlocks = stats.CachedBlocks,
            UnusedTokenSlots = stats.UnusedTokenSlots,
            UnusedIfReserved = reserved,
            PromptTokens = stats.PromptTokens,
            PrefixHitTokens = stats.PrefixHitTokens,
            ComputedTokens = stats.ComputedTokens,
            GeneratedTokens = stats.GeneratedTokens,
            DraftedTokens = stats.DraftedTokens,
            AcceptedDraftTokens = stats.AcceptedDraftTokens,
            Preemptions = stats.Preemptions,
            Evictions = stats.Evictions,
        };
    }
}
