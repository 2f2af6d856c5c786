namespace TorchKv.Runtime.Paging;

/// <summary>
/// One sequence's place in the prefix index: the digest of each of its full blocks, and how many of its blocks, from
/// the first, the index has.
/// </summary>
/// <remarks>
/// A digest depends on tokens alone, so it outlives a preemption. A link names a block, so it does not. Only tokens
/// that can no longer change may be given: a digest over a rejected draft would be wrong. Not thread-safe.
/// </remarks>
internal sealed class PrefixChain
{
    private readonly PrefixRoot _root;
    private BlockDigest[] _digests = [];
    private PrefixLink[] _links = [];
    private int _digestCount;

    /// <summary>An empty chain.</summary>
    public PrefixChain(PrefixRoot root) => _root = root;

    /// <summary>Blocks, from the first, that the index has.</summary>
    public int LinkCount { get; private set; }

    /// <summary>
    /// Whether no further block is published: the blocks must stay private, or the last link is a duplicate of a block
    /// that has been evicted since.
    /// </summary>
    public bool IsClosed { get; private set; }

    private PrefixLink Parent => LinkCount == 0 ? _root.Link : _links[LinkCount - 1];

    /// <summary>The chain of a sequence that begins with the same tokens.</summary>
    /// <param name="blocks">Full blocks that the two sequences have in common at most.</param>
    public PrefixChain Fork(int blocks = int.MaxValue) => new(_root)
    {
        _digests = [.. _digests],
        _links = [.. _links],
        _digestCount = Math.Min(_digestCount, blocks),
        LinkCount = Math.Min(LinkCount, blocks),
        IsClosed = IsClosed,
    };

    /// <summary>Publishes no block from here on.</summary>
    public void Close() => IsClosed = true;

    /// <summary>Keeps the links of the first blocks.</summary>
    public void KeepLinks(int blocks) => LinkCount = Math.Min(LinkCount, blocks);

    /// <summary>Forgets every link: the sequence gave its blocks back.</summary>
    public void ForgetLinks()
    {
        LinkCount = 0;
        IsClosed = false;
    }

    /// <summary>The digest of one of the sequence's full blocks.</summary>
    /// <param name="index">Hashes the blocks whose digests are not known yet.</param>
    /// <param name="tokens">The sequence's certain tokens.</param>
    /// <param name="block">The block's place in the sequence.</param>
    public BlockDigest Digest(PrefixIndex index, ReadOnlySpan<int> tokens, int block)
    {
        if (block >= _digests.Length)
        {
            Array.Resize(ref _digests, Math.Max(block + 1, Math.Max(4, _digests.Length * 2)));
        }

        for (; _digestCount <= block; _digestCount++)
        {
            var parent = _digestCount == 0 ? _root.Digest : _digests[_digestCount - 1];
            _digests[_digestCount] = index.Hash(parent, Block(index, tokens, _digestCount));
        }

        return _digests[block];
    }

    /// <summary>Appends to the table the blocks that the index has for the tokens that come next.</summary>
    /// <param name="index">Where to look.</param>
    /// <param name="table">The sequence's table.</param>
    /// <param name="tokens">The sequence's certain tokens.</param>
    /// <param name="maxBlocks">Blocks that the table may have at most.</param>
    public void Adopt(PrefixIndex index, BlockTable table, ReadOnlySpan<int> tokens, int maxBlocks)
    {
        while (table.TokenCount == table.BlockCount * table.BlockSize
            && LinkCount == table.BlockCount
            && LinkCount < maxBlocks)
        {
            var digest = Digest(index, tokens, LinkCount);
            if (!index.TryFind(Parent, digest, Block(index, tokens, LinkCount), out var found))
            {
                break;
            }

            table.AppendShared(found.Block);
            Push(found);
        }
    }

    /// <summary>Makes the blocks findable that are full by now.</summary>
    /// <param name="pool">The blocks' pool, which has an index.</param>
    /// <param name="table">The sequence's table.</param>
    /// <param name="tokens">The sequence's certain tokens.</param>
    public void Publish(BlockPool pool, BlockTable table, ReadOnlySpan<int> tokens)
    {
        var index = pool.Prefixes!;
        var full = Math.Min(table.TokenCount, tokens.Length) / table.BlockSize;
        while (LinkCount < full && !IsClosed)
        {
            var block = table[LinkCount];
            var content = Block(index, tokens, LinkCount);
            var digest = Digest(index, tokens, LinkCount);
            if (index.Contains(block) && !index.TryFind(Parent, digest, content, out _))
            {
                // Published under a parent that has been evicted since, so it can no longer be found.
                pool.Unpublish(block);
            }

            if (index.TryPublish(Parent, digest, content, block, out var link))
            {
                Push(link);
            }
            else
            {
                IsClosed = true;
            }
        }
    }

    private static ReadOnlySpan<int> Block(PrefixIndex index, ReadOnlySpan<int> tokens, int block) =>
        tokens.Slice(block * index.BlockSize, index.BlockSize);

    private void Push(PrefixLink link)
    {
        if (LinkCount == _links.Length)
        {
            Array.Resize(ref _links, Math.Max(4, _links.Length * 2));
        }

        _links[LinkCount++] = link;
    }
}
