using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime.Scheduling;

/// <summary>One sequence of tokens under the scheduler: a prompt, what was generated after it, and the blocks that hold its keys and values.</summary>
internal class Sequence
{
    private readonly int _blockSize;
    private int[] _tokens;

    // Digest and place in the index of each full block so far; a block's digest outlives a preemption, its place does not.
    private BlockDigest[] _digests = [];
    private PrefixLink[] _links = [];
    private int _digestCount;

    public Sequence(ScheduledRequest request, int branch, ReadOnlySpan<int> tokens, BlockTable table)
    {
        Request = request;
        Branch = branch;
        Table = table;
        _blockSize = table.BlockSize;
        _tokens = tokens.ToArray();
        Count = tokens.Length;
    }

    public ScheduledRequest Request { get; }

    /// <summary>Which of the request's samples or beams.</summary>
    public int Branch { get; }

    public BlockTable Table { get; private set; }

    /// <summary>Tokens known, drafts included.</summary>
    public int Count { get; private set; }

    /// <summary>Tokens at the end that are guesses, to be verified by the next step.</summary>
    public int DraftCount { get; private set; }

    /// <summary>Tokens that are certain.</summary>
    public int CommittedCount => Count - DraftCount;

    /// <summary>Certain tokens whose keys and values are still to be computed; 1 while decoding.</summary>
    public int Pending => CommittedCount - Table.TokenCount;

    public bool IsFinished { get; private set; }

    /// <summary>Blocks of <see cref="Table"/>, from the first, that are in the index.</summary>
    public int LinkCount { get; private set; }

    /// <summary>Set where a duplicate of a block was found under a parent that is gone: the rest can no longer be indexed.</summary>
    public bool ChainBroken { get; private set; }

    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, Count);

    public ReadOnlyMemory<int> Slice(int start, int length) => _tokens.AsMemory(start, length);

    public void Append(int token)
    {
        if (DraftCount > 0)
        {
            throw new InvalidOperationException("Drafts must be settled before a token is appended.");
        }

        Push(token);
    }

    public void SetDrafts(ReadOnlySpan<int> drafts)
    {
        KeepDrafts(0);
        foreach (var token in drafts)
        {
            Push(token);
        }

        DraftCount = drafts.Length;
    }

    /// <summary>Keeps the first drafts as drafts and forgets the rest.</summary>
    public void KeepDrafts(int kept)
    {
        Count -= DraftCount - kept;
        DraftCount = kept;
    }

    /// <summary>The first draft is a token from now on.</summary>
    public void CommitDraft() => DraftCount--;

    /// <summary>Makes this sequence continue from another's tokens and blocks, which they then share: beams, samples.</summary>
    public void CopyFrom(Sequence other)
    {
        var table = other.Table.Fork();
        Table.Clear();
        Table = table;
        if (_tokens.Length < other.Count)
        {
            _tokens = new int[other._tokens.Length];
        }

        other.Tokens.CopyTo(_tokens);
        Count = other.Count;
        DraftCount = other.DraftCount;
        CopyChain(other);
    }

    /// <summary>Shares another's blocks for the tokens that both begin with.</summary>
    public void ShareBlocks(Sequence other, int tokens)
    {
        var table = other.Table.Fork();
        table.Truncate(tokens);
        Table.Clear();
        Table = table;
        CopyChain(other);
        LinkCount = Math.Min(LinkCount, tokens / _blockSize);
        _digestCount = Math.Min(_digestCount, tokens / _blockSize);
    }

    /// <summary>Gives the blocks back; tokens and digests stay for a later recompute.</summary>
    public void ReleaseBlocks()
    {
        Table.Clear();
        LinkCount = 0;
        ChainBroken = false;
    }

    /// <summary>Drops a block that was never filled, and what comes after it: a copy that failed.</summary>
    public void DropFrom(int block)
    {
        if (Table.Blocks.Span.IndexOf(block) is >= 0 and var place)
        {
            Table.Truncate(Math.Min(Table.TokenCount, place * _blockSize));
            LinkCount = Math.Min(LinkCount, place);
        }
    }

    public void Finish()
    {
        KeepDrafts(0);
        ReleaseBlocks();
        IsFinished = true;
    }

    /// <summary>Goes on from blocks that hold this sequence's beginning already. The last token is computed in any case: its logits are wanted.</summary>
    /// <param name="table">The blocks; the sequence's from now on.</param>
    /// <param name="keepPrivate">Whether the index must not get them.</param>
    public void Continue(BlockTable table, bool keepPrivate)
    {
        table.Truncate(Math.Min(table.TokenCount, CommittedCount - 1));
        Table = table;
        ChainBroken = keepPrivate;
    }

    /// <summary>Hands the blocks to the caller and keeps none.</summary>
    public BlockTable TakeTable()
    {
        var table = Table;
        Table = new BlockTable(Request.Pool, _blockSize);
        LinkCount = 0;
        return table;
    }

    public BlockDigest Digest(PrefixIndex index, int block)
    {
        if (block >= _digests.Length)
        {
            Array.Resize(ref _digests, Math.Max(block + 1, Math.Max(4, _digests.Length * 2)));
        }

        for (; _digestCount <= block; _digestCount++)
        {
            var parent = _digestCount == 0 ? Request.RootDigest : _digests[_digestCount - 1];
            _digests[_digestCount] = index.Hash(parent, _tokens.AsSpan(_digestCount * _blockSize, _blockSize));
        }

        return _digests[block];
    }

    /// <summary>Takes from the index the blocks that hold this sequence's beginning already.</summary>
    /// <param name="index">Where to look.</param>
    /// <param name="maxTokens">At most this many tokens; always fewer than all, since the last one's logits are wanted.</param>
    public void AdoptCachedBlocks(PrefixIndex index, int maxTokens)
    {
        var most = Math.Min(maxTokens, CommittedCount - 1) / _blockSize;
        while (Table.TokenCount == Table.BlockCount * _blockSize && LinkCount == Table.BlockCount && LinkCount < most)
        {
            if (!index.TryFind(Parent, Digest(index, LinkCount), _tokens.AsSpan(LinkCount * _blockSize, _blockSize), out var found))
            {
                break;
            }

            Table.AppendShared(found.Block);
            PushLink(found);
        }
    }

    /// <summary>Puts the blocks that are full by now into the index.</summary>
    public void PublishFullBlocks(PrefixIndex index)
    {
        var full = Math.Min(Table.TokenCount, CommittedCount) / _blockSize;
        while (LinkCount < full && !ChainBroken)
        {
            var block = Table[LinkCount];
            var tokens = _tokens.AsSpan(LinkCount * _blockSize, _blockSize);
            var digest = Digest(index, LinkCount);
            if (index.Contains(block) && !index.TryFind(Parent, digest, tokens, out _))
            {
                // Published under a parent that is gone, so that nobody finds it.
                index.Forget(block);
            }

            if (index.TryPublish(Parent, digest, tokens, block, out var link))
            {
                PushLink(link);
            }
            else
            {
                // The block before was a duplicate of one that has been evicted meanwhile.
                ChainBroken = true;
            }
        }
    }

    private PrefixLink Parent => LinkCount == 0 ? Request.Root : _links[LinkCount - 1];

    private void PushLink(PrefixLink link)
    {
        if (LinkCount == _links.Length)
        {
            Array.Resize(ref _links, Math.Max(4, _links.Length * 2));
        }

        _links[LinkCount++] = link;
    }

    private void CopyChain(Sequence other)
    {
        _digests = [.. other._digests];
        _links = [.. other._links];
        _digestCount = other._digestCount;
        LinkCount = other.LinkCount;
        ChainBroken = other.ChainBroken;
    }

    private void Push(int token)
    {
        if (Count == _tokens.Length)
        {
            Array.Resize(ref _tokens, Math.Max(16, _tokens.Length * 2));
        }

        _tokens[Count++] = token;

        // A digest computed over a draft that was then rejected must not survive it.
        _digestCount = Math.Min(_digestCount, (Count - 1) / _blockSize);
    }
}
