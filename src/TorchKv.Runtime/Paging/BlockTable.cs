using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Paging;

/// <summary>
/// One sequence's blocks in order: position p lies in block p / <see cref="BlockSize"/>. It grows at its end only; a
/// last block that is shared is replaced by a copy before it is written.
/// </summary>
/// <remarks>
/// Holds a reference to each of its blocks until <see cref="Truncate"/> or <see cref="Clear"/>. Not thread-safe.
/// </remarks>
internal sealed class BlockTable
{
    private readonly BlockPool _pool;
    private int[] _blocks = [];

    /// <summary>An empty table.</summary>
    /// <param name="pool">Where its blocks come from.</param>
    /// <param name="blockSize">Tokens in a block.</param>
    public BlockTable(BlockPool pool, int blockSize)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockSize);
        _pool = pool;
        BlockSize = blockSize;
    }

    /// <summary>Tokens in a block.</summary>
    public int BlockSize { get; }

    /// <summary>Tokens whose keys and values the blocks hold.</summary>
    public int TokenCount { get; private set; }

    /// <summary>Blocks held, those reserved for tokens to come included.</summary>
    public int BlockCount { get; private set; }

    /// <summary>The blocks, valid until the table changes.</summary>
    public ReadOnlyMemory<int> Blocks => _blocks.AsMemory(0, BlockCount);

    /// <summary>The block at a place in the table.</summary>
    public int this[int index] =>
        (uint)index < (uint)BlockCount ? _blocks[index] : throw new ArgumentOutOfRangeException(nameof(index));

    /// <summary>
    /// Blocks that have to be allocated before <paramref name="tokens"/> more can be written, a copied one included.
    /// </summary>
    public int BlocksNeeded(int tokens) =>
        Math.Max(0, BlockMath.BlocksFor(TokenCount + tokens, BlockSize) - BlockCount) + (MustCopy(tokens) ? 1 : 0);

    /// <summary>
    /// Makes room for more tokens: allocates blocks, and replaces the block that the next token goes to where others
    /// hold it or the prefix index can find it.
    /// </summary>
    /// <param name="tokens">Tokens to be written next.</param>
    /// <param name="copy">
    /// The copy to make before they are written, in the order in which copies were asked for.
    /// </param>
    /// <returns>False where the pool has too few blocks; nothing is changed then.</returns>
    public bool TryReserve(int tokens, out BlockCopy? copy)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        copy = null;
        var mustCopy = MustCopy(tokens);
        var added = Math.Max(0, BlockMath.BlocksFor(checked(TokenCount + tokens), BlockSize) - BlockCount);
        if (_pool.AvailableCount < added + (mustCopy ? 1 : 0))
        {
            // With no block to spare, a block that only the index shares is written in place, no longer to be found.
            var last = mustCopy ? _blocks[TokenCount / BlockSize] : -1;
            if (!mustCopy || _pool.AvailableCount < added || _pool.HolderCount(last) > 1)
            {
                return false;
            }

            _pool.Unpublish(last);
            mustCopy = false;
        }

        if (mustCopy)
        {
            ref var shared = ref _blocks[TokenCount / BlockSize];
            _pool.TryAllocate(out var own);
            copy = new BlockCopy(shared, own);
            _pool.Release(shared);
            shared = own;
        }

        EnsureRoom(BlockCount + added);
        for (; added > 0; added--)
        {
            _pool.TryAllocate(out _blocks[BlockCount]);
            BlockCount++;
        }

        return true;
    }

    /// <summary>Counts tokens as written into blocks that were reserved.</summary>
    public void Advance(int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        if (checked(TokenCount + tokens) > (long)BlockCount * BlockSize)
        {
            throw new InvalidOperationException(
                $"{TokenCount} tokens + {tokens} do not fit {BlockCount} blocks of {BlockSize}.");
        }

        TokenCount += tokens;
    }

    /// <summary>Appends a full block that holds the next tokens already, as a further holder of it.</summary>
    public void AppendShared(int block)
    {
        if (TokenCount != BlockCount * BlockSize)
        {
            throw new InvalidOperationException(
                "A full block can follow only full blocks; "
                + $"{TokenCount} tokens are in {BlockCount} blocks of {BlockSize}.");
        }

        EnsureRoom(BlockCount + 1);
        _pool.Hold(block);
        _blocks[BlockCount++] = block;
        TokenCount += BlockSize;
    }

    /// <summary>
    /// A table of the same tokens that shares every block. The first of the two that writes into a shared last block
    /// copies it.
    /// </summary>
    public BlockTable Fork()
    {
        var fork = new BlockTable(_pool, BlockSize)
        {
            TokenCount = TokenCount,
            BlockCount = BlockMath.BlocksFor(TokenCount, BlockSize),
        };
        fork.EnsureRoom(fork.BlockCount);
        for (var i = 0; i < fork.BlockCount; i++)
        {
            _pool.Hold(_blocks[i]);
            fork._blocks[i] = _blocks[i];
        }

        return fork;
    }

    /// <summary>
    /// Drops tokens from the end and gives back every block that holds none of the rest, reserved ones included.
    /// </summary>
    /// <param name="tokens">Tokens that stay.</param>
    public void Truncate(int tokens)
    {
        if (tokens < 0 || tokens > TokenCount)
        {
            throw new ArgumentOutOfRangeException(nameof(tokens), tokens, $"The table holds {TokenCount} tokens.");
        }

        TokenCount = tokens;
        for (var kept = BlockMath.BlocksFor(tokens, BlockSize); BlockCount > kept;)
        {
            _pool.Release(_blocks[--BlockCount]);
        }
    }

    /// <summary>Gives every block back, last to first.</summary>
    public void Clear() => Truncate(0);

    private bool MustCopy(int tokens)
    {
        if (tokens == 0 || TokenCount % BlockSize == 0)
        {
            return false;
        }

        var block = _blocks[TokenCount / BlockSize];
        return _pool.HolderCount(block) > 1 || _pool.IsPublished(block);
    }

    private void EnsureRoom(int blocks)
    {
        if (blocks > _blocks.Length)
        {
            Array.Resize(ref _blocks, Math.Max(blocks, Math.Max(4, _blocks.Length * 2)));
        }
    }
}
