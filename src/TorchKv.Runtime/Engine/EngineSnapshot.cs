using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime;

/// <summary>What a KV block is doing.</summary>
public enum BlockUse
{
    /// <summary>Nothing of worth is in it.</summary>
    Free,

    /// <summary>Nobody holds it, but the prefix index can find it.</summary>
    Cached,

    /// <summary>One sequence holds it.</summary>
    Held,

    /// <summary>Several hold it.</summary>
    Shared,
}

/// <summary>One sequence that runs or waits, with its blocks in order.</summary>
/// <param name="Request">The request's number, in the order of submission.</param>
/// <param name="Row">Which of its samples or beams.</param>
/// <param name="IsRunning">Whether it runs; else it waits, and holds blocks only if it continues a session.</param>
/// <param name="Tokens">Its tokens so far.</param>
/// <param name="ComputedTokens">Of them, those whose keys and values are in the blocks.</param>
/// <param name="CachedTokens">Prompt tokens that were found rather than computed.</param>
/// <param name="Blocks">The block table.</param>
public sealed record SequenceSnapshot(long Request, int Row, bool IsRunning, int Tokens, int ComputedTokens, int CachedTokens, IReadOnlyList<int> Blocks);

/// <summary>The pool and the block tables between two steps: what is drawn to show them.</summary>
/// <param name="BlockSize">Tokens in a block.</param>
/// <param name="Blocks">What each block is doing.</param>
/// <param name="Sequences">Every live sequence, running ones first, in order of rank.</param>
/// <param name="Preemptions">How often a request gave its blocks back so far.</param>
public sealed record EngineSnapshot(int BlockSize, IReadOnlyList<BlockUse> Blocks, IReadOnlyList<SequenceSnapshot> Sequences, long Preemptions)
{
    internal static EngineSnapshot Of(Scheduler scheduler, BlockPool pool, int blockSize)
    {
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
                        request.Arrival, sequence.Branch, request.State == RequestState.Running, sequence.Count, sequence.Table.TokenCount, Math.Max(0, request.CachedTokens), sequence.Table.Blocks.ToArray()));
                }
            }
        }

        return new EngineSnapshot(blockSize, blocks, sequences, scheduler.PreemptionCount);
    }
}
