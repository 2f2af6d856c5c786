using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Scheduling;

namespace TorchKv.Runtime.Serving;

/// <summary>The pool and the block tables between two steps, to be drawn.</summary>
/// <param name="BlockSize">Tokens in a block.</param>
/// <param name="Blocks">The state of each block.</param>
/// <param name="Sequences">Every sequence that has not ended: running ones first, in order of rank.</param>
/// <param name="Preemptions">Preemptions so far.</param>
public sealed record EngineSnapshot(
    int BlockSize,
    IReadOnlyList<BlockUse> Blocks,
    IReadOnlyList<SequenceSnapshot> Sequences,
    long Preemptions)
{
    internal static EngineSnapshot Of(Scheduler scheduler, KvBlocks kv)
    {
        var pool = kv.Pool;
        var blocks = new BlockUse[pool.Count];
        for (var block = 0; block < blocks.Length; block++)
        {
            blocks[block] = pool.HolderCount(block) switch
            {
                0 => pool.IsPublished(block) ? BlockUse.Cached : BlockUse.Free,
                1 => BlockUse.Held,
                _ => BlockUse.Shared,
            };
        }

        var sequences = new List<SequenceSnapshot>();
        foreach (var request in scheduler.Running.Concat(scheduler.Waiting))
        {
            foreach (var sequence in request.Sequences)
            {
                if (!sequence.IsFinished)
                {
                    sequences.Add(new SequenceSnapshot(
                        request.Arrival,
                        sequence.Index,
                        request.State == RequestState.Running,
                        sequence.Count,
                        sequence.Table.TokenCount,
                        Math.Max(0, request.CachedTokens),
                        sequence.Table.Blocks.ToArray()));
                }
            }
        }

        return new EngineSnapshot(kv.BlockSize, blocks, sequences, scheduler.PreemptionCount);
    }
}
