using TorchKv.Runtime;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Serving;

namespace TorchKv.Testing;

/// <summary>A look into an engine, for tests.</summary>
internal static class EngineInspection
{
    /// <summary>
    /// After everything that was asked for so far: checks the pools and returns the engine's statistics.
    /// </summary>
    public static Task<EngineStats> SettleAsync(this Engine engine) => engine.Loop.InvokeAsync(() =>
    {
        engine.Pool().CheckInvariants();
        engine.DraftPool()?.CheckInvariants();
        var stats = engine.Loop.Publish();
        return stats.RunningRequests + stats.QueuedRequests > 0 || engine.DraftPool() is not { HeldCount: > 0 } draft
            ? stats
            : throw new InvalidOperationException(
                $"The draft model holds {draft.HeldCount} blocks, though no request runs.");
    });

    /// <summary>The engine's blocks; to be used on its thread, or while it does nothing.</summary>
    public static BlockPool Pool(this Engine engine) => engine.Loop.Parts.Blocks.Pool;

    /// <summary>The draft model's blocks; null where there is no draft model.</summary>
    public static BlockPool? DraftPool(this Engine engine) => engine.Loop.Parts.Drafter.Pool;
}
