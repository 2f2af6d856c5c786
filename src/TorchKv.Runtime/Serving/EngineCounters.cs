using TorchKv.Runtime.Model;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Scheduling;

namespace TorchKv.Runtime.Serving;

/// <summary>What an engine has done since it started. Only the engine's thread counts; others get snapshots.</summary>
internal sealed class EngineCounters
{
    private StepTokenCounts _stepTokens;
    private DraftPositionCounts _acceptedPositions;

    public long Steps { get; private set; }

    public long ComputedTokens { get; private set; }

    public long GeneratedTokens { get; set; }

    public long Drafts { get; private set; }

    public long DraftedTokens { get; private set; }

    public long AcceptedDraftTokens { get; private set; }

    public long CompletedRequests { get; set; }

    public long CancelledRequests { get; set; }

    public long FailedRequests { get; set; }

    public TimeSpan SchedulingTime { get; set; }

    public TimeSpan RunnerTime { get; set; }

    /// <summary>Counts a step.</summary>
    /// <param name="tokens">The tokens that it computed.</param>
    public void AddStep(int tokens)
    {
        Steps++;
        ComputedTokens += tokens;
        _stepTokens.Add(tokens);
    }

    /// <summary>Counts drafts of a sequence that were verified together.</summary>
    public void AddDrafts(int drafted, int accepted)
    {
        Drafts++;
        DraftedTokens += drafted;
        AcceptedDraftTokens += accepted;
        _acceptedPositions.Add(accepted);
    }

    /// <summary>The counters, and where scheduler and pool stand.</summary>
    public EngineStats Snapshot(Scheduler scheduler, BlockPool pool, IModelRunner runner)
    {
        var unused = 0L;
        var running = scheduler.Running;
        for (var i = 0; i < running.Count; i++)
        {
            foreach (var sequence in running[i].Sequences)
            {
                unused += ((long)sequence.Table.BlockCount * runner.BlockSize) - sequence.Table.TokenCount;
            }
        }

        return new EngineStats
        {
            QueuedRequests = scheduler.WaitingCount,
            RunningRequests = running.Count,
            RunningSequences = scheduler.RunningSequences,
            TotalBlocks = pool.Count,
            FreeBlocks = pool.FreeCount,
            HeldBlocks = pool.HeldCount,
            PeakHeldBlocks = pool.PeakHeldCount,
            CachedBlocks = pool.CachedCount,
            BytesPerBlock = runner.BytesPerBlock,
            UnusedTokenSlots = unused,
            Steps = Steps,
            StepTokens = _stepTokens,
            ComputedTokens = ComputedTokens,
            GeneratedTokens = GeneratedTokens,
            PromptTokens = scheduler.PromptTokens,
            PrefixHitTokens = scheduler.PrefixHitTokens,
            Drafts = Drafts,
            DraftedTokens = DraftedTokens,
            AcceptedDraftTokens = AcceptedDraftTokens,
            AcceptedDraftPositions = _acceptedPositions,
            Preemptions = scheduler.PreemptionCount,
            Evictions = pool.EvictionCount,
            CompletedRequests = CompletedRequests,
            CancelledRequests = CancelledRequests,
            FailedRequests = FailedRequests,
            SchedulingTime = SchedulingTime,
            RunnerTime = RunnerTime,
        };
    }
}
