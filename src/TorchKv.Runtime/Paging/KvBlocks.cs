namespace TorchKv.Runtime.Paging;

/// <summary>
/// The one way to KV blocks for the scheduler: what sequences hold, share and give back, over the pool, the block
/// tables and the prefix index.
/// </summary>
/// <remarks>
/// Wherever tokens are given, they are the sequence's certain tokens: prompt and chosen tokens without drafts. Knows no
/// tensors: copies between blocks are returned, to be made before the next step. Not thread-safe.
/// </remarks>
internal sealed class KvBlocks
{
    /// <summary>Blocks of a pool.</summary>
    /// <param name="pool">The pool; its index, if it has one, finds full blocks again.</param>
    /// <param name="blockSize">Tokens in a block.</param>
    public KvBlocks(BlockPool pool, int blockSize)
    {
        Pool = pool;
        BlockSize = blockSize;
    }

    /// <summary>The pool, for its counts.</summary>
    public BlockPool Pool { get; }

    /// <summary>Tokens in a block.</summary>
    public int BlockSize { get; }

    /// <summary>Whether full blocks are found again by later requests.</summary>
    public bool FindsPrefixes => Pool.Prefixes is not null;

    /// <summary>Blocks that can be allocated: free and cached ones.</summary>
    public int AvailableCount => Pool.AvailableCount;

    /// <summary>An empty table over the pool.</summary>
    public BlockTable NewTable() => new(Pool, BlockSize);

    /// <summary>A new sequence's blocks: none.</summary>
    public SequenceBlocks NewSequence(PrefixRoot root) => new(NewTable(), new PrefixChain(root));

    /// <summary>
    /// The blocks of a sequence that continues from another: the two share all of them until one writes.
    /// </summary>
    public SequenceBlocks Fork(SequenceBlocks blocks) => new(blocks.Table.Fork(), blocks.Chain.Fork());

    /// <summary>Lets a sequence that has no blocks yet continue from a session's.</summary>
    /// <param name="blocks">The sequence's.</param>
    /// <param name="table">The session's table, the sequence's from now on.</param>
    /// <param name="tokens">
    /// The sequence's certain tokens; the last one is computed in any case, since its logits are wanted.
    /// </param>
    /// <param name="keepPrivate">Whether the index must not get the blocks.</param>
    public void Continue(SequenceBlocks blocks, BlockTable table, ReadOnlySpan<int> tokens, bool keepPrivate)
    {
        table.Truncate(Math.Min(table.TokenCount, tokens.Length - 1));
        blocks.Table = table;
        if (keepPrivate)
        {
            blocks.Chain.Close();
        }
    }

    /// <summary>Takes a sequence's table away from it, for a session to keep.</summary>
    public BlockTable Detach(SequenceBlocks blocks)
    {
        var table = blocks.Table;
        blocks.Table = NewTable();
        blocks.Chain.ForgetLinks();
        return table;
    }

    /// <summary>Takes from the index the blocks that hold the beginning of a sequence already: a prefix hit.</summary>
    /// <param name="blocks">The sequence's.</param>
    /// <param name="tokens">Its certain tokens; one at least stays to be computed, since its logits are wanted.</param>
    /// <param name="maxTokens">At most this many tokens.</param>
    public void Adopt(SequenceBlocks blocks, ReadOnlySpan<int> tokens, int maxTokens)
    {
        if (Pool.Prefixes is { } index)
        {
            blocks.Chain.Adopt(index, blocks.Table, tokens, Math.Min(maxTokens, tokens.Length - 1) / BlockSize);
        }
    }

    /// <summary>
    /// Makes a sequence share another's blocks for the tokens that both begin with, instead of its own.
    /// </summary>
    public void Share(SequenceBlocks blocks, SequenceBlocks other, int tokens)
    {
        var table = other.Table.Fork();
        table.Truncate(tokens);
        blocks.Table.Clear();
        blocks.Table = table;
        blocks.Chain = other.Chain.Fork(tokens / BlockSize);
    }

    /// <summary>Blocks that have to be allocated before more tokens can be written.</summary>
    public int Needed(SequenceBlocks blocks, int tokens) => blocks.Table.BlocksNeeded(tokens);

    /// <summary>Makes room for a sequence's next tokens.</summary>
    /// <param name="blocks">The sequence's.</param>
    /// <param name="tokens">Tokens to be written next.</param>
    /// <param name="copy">The copy to make before they are written.</param>
    /// <returns>False where the pool has too few blocks; nothing is changed then.</returns>
    public bool TryReserve(SequenceBlocks blocks, int tokens, out BlockCopy? copy) =>
        blocks.Table.TryReserve(tokens, out copy);

    /// <summary>Counts tokens as written, and makes the blocks findable that are full by now.</summary>
    /// <param name="blocks">The sequence's.</param>
    /// <param name="tokens">Its certain tokens.</param>
    /// <param name="count">How many were written, drafts included.</param>
    public void Computed(SequenceBlocks blocks, ReadOnlySpan<int> tokens, int count)
    {
        blocks.Table.Advance(count);
        Publish(blocks, tokens);
    }

    /// <summary>Drops what was written after a sequence's certain tokens: rejected drafts.</summary>
    public void Truncate(SequenceBlocks blocks, ReadOnlySpan<int> tokens)
    {
        blocks.Table.Truncate(Math.Min(blocks.Table.TokenCount, tokens.Length));
        Publish(blocks, tokens);
    }

    /// <summary>Drops a block that was never filled, and those after it: its copy failed.</summary>
    public void DropFrom(SequenceBlocks blocks, int block)
    {
        if (blocks.Table.Blocks.Span.IndexOf(block) is >= 0 and var place)
        {
            blocks.Table.Truncate(Math.Min(blocks.Table.TokenCount, place * BlockSize));
            blocks.Chain.KeepLinks(place);
        }
    }

    /// <summary>Gives a sequence's blocks back. Digests stay, for a later recompute.</summary>
    public void Release(SequenceBlocks blocks)
    {
        blocks.Table.Clear();
        blocks.Chain.ForgetLinks();
    }

    /// <summary>
    /// The digest of the first block of a sequence that the index does not have; null without an index, or where that
    /// block is not full of certain tokens.
    /// </summary>
    public BlockDigest? NextDigest(SequenceBlocks blocks, ReadOnlySpan<int> tokens)
    {
        var block = blocks.Chain.LinkCount;
        return Pool.Prefixes is { } index && (block + 1) * BlockSize <= tokens.Length
            ? blocks.Chain.Digest(index, tokens, block)
            : null;
    }

    private void Publish(SequenceBlocks blocks, ReadOnlySpan<int> tokens)
    {
        if (FindsPrefixes)
        {
            blocks.Chain.Publish(Pool, blocks.Table, tokens);
        }
    }
}
