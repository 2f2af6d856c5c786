using TorchKv.Runtime;
using TorchKv.Runtime.Serving;

namespace TorchKv.Testing;

/// <summary>Looks into an engine while it stands still.</summary>
internal static class EngineInspection
{
    /// <summary>
    /// Waits until the engine has done what it was asked for so far, checks its pools' books and gives its counters.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// A pool's books are wrong, or a draft model's blocks are held for no request.
    /// </exception>
    public static async Task<EngineStats> SettleAsync(this Engine engine)
    {
        var loop = engine.Loop;

        // A message is taken before cancelled requests are removed, so the second one comes after the first one's
        // removals.
        await loop.InvokeAsync(() => true).ConfigureAwait(false);
        return await loop.InvokeAsync(() =>
        {
            loop.Pool.CheckInvariants();
            loop.DraftPool?.CheckInvariants();
            var stats = loop.PublishStats();
            return stats.RunningRequests + stats.QueuedRequests > 0 || loop.DraftPool is not { HeldCount: > 0 } draft
                ? stats
                : throw new InvalidOperationException(
                    $"{draft.HeldCount} blocks of the draft model are held for no request.");
        }).ConfigureAwait(false);
    }
}
