using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Serving;

namespace TorchKv.Server.Metrics;

/// <summary>
/// A generator's counters for <c>/metrics</c>. The one file that knows an engine from another generator: an engine has
/// more counters than its load.
/// </summary>
internal readonly record struct GeneratorCounters
{
    public GeneratorLoad Load { get; private init; }

    public int HeldBlocks { get; private init; }

    public int CachedBlocks { get; private init; }

    public long UnusedTokenSlots { get; private init; }

    public long PromptTokens { get; private init; }

    public long PrefixHitTokens { get; private init; }

    public long GeneratedTokens { get; private init; }

    public long ComputedTokens { get; private init; }

    public long Steps { get; private init; }

    public long Preemptions { get; private init; }

    public long Evictions { get; private init; }

    public StepTokenCounts StepTokens { get; private init; }

    public long Drafts { get; private init; }

    public long DraftedTokens { get; private init; }

    public long AcceptedDraftTokens { get; private init; }

    public DraftPositionCounts AcceptedDraftPositions { get; private init; }

    /// <summary>The counters of this moment.</summary>
    public static GeneratorCounters Of(IGenerator generator)
    {
        if (generator is not Engine engine)
        {
            var load = generator.Load;
            return new GeneratorCounters { Load = load, HeldBlocks = load.TotalBlocks - load.FreeBlocks };
        }

        var stats = engine.Stats;
        return new GeneratorCounters
        {
            Load = new GeneratorLoad(
                stats.QueuedRequests,
                stats.RunningRequests,
                stats.FreeBlocks + stats.CachedBlocks,
                stats.TotalBlocks,
                engine.Load.BlockSize),
            HeldBlocks = stats.HeldBlocks,
            CachedBlocks = stats.CachedBlocks,
            UnusedTokenSlots = stats.UnusedTokenSlots,
            PromptTokens = stats.PromptTokens,
            PrefixHitTokens = stats.PrefixHitTokens,
            GeneratedTokens = stats.GeneratedTokens,
            ComputedTokens = stats.ComputedTokens,
            Steps = stats.Steps,
            Preemptions = stats.Preemptions,
            Evictions = stats.Evictions,
            StepTokens = stats.StepTokens,
            Drafts = stats.Drafts,
            DraftedTokens = stats.DraftedTokens,
            AcceptedDraftTokens = stats.AcceptedDraftTokens,
            AcceptedDraftPositions = stats.AcceptedDraftPositions,
        };
    }
}
