namespace TorchKv.Runtime.Paging;

/// <summary>
/// Counts the holders of each KV block. A block is free (its content is not needed), held (by one holder or several),
/// or cached (without a holder, but the prefix index can find it): free + held + cached = all, always.
/// </summary>
/// <remarks>
/// Free blocks are given out first, the one freed last before the others since the processor's caches may still have
/// it; then cached blocks, the one released longest ago first. Every operation is O(1) and allocates nothing; a block
/// costs 8 bytes here. Knows no tensors. Not thread-safe.
/// </remarks>
internal sealed class BlockPool
{
    // A held block needs a count and one that is not held needs its neighbours in a list, so the two share a field.
    // Above 0 it is the number of holders; below 0 it is the complement of the previous block in the list of free or
    // cached blocks.
    private struct Slot
    {
        public int HoldersOrPrevious;
        public int Next;
    }

    private readonly Slot[] _slots;
    private readonly int _freeEnd;
    private readonly int _cachedEnd;

    /// <summary>A pool of free blocks, numbered from 0 and given out in that order.</summary>
    /// <param name="blockCount">How many.</param>
    /// <param name="prefixes">The index that finds full blocks again; null: a released block is simply free.</param>
    public BlockPool(int blockCount, PrefixIndex? prefixes = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockCount);
        if (prefixes is not null && prefixes.BlockCount != blockCount)
        {
            throw new ArgumentException(
                $"The index is over {prefixes.BlockCount} blocks, the pool over {blockCount}.", nameof(prefixes));
        }

        Prefixes = prefixes;
        Count = blockCount;
        _slots = new Slot[blockCount + 2];
        _freeEnd = blockCount;
        _cachedEnd = blockCount + 1;
        _slots[_freeEnd] = new Slot { HoldersOrPrevious = ~_freeEnd, Next = _freeEnd };
        _slots[_cachedEnd] = new Slot { HoldersOrPrevious = ~_cachedEnd, Next = _cachedEnd };
        for (var block = 0; block < blockCount; block++)
        {
            InsertBefore(_freeEnd, block);
        }

        FreeCount = blockCount;
    }

    /// <summary>The index of full blocks, if there is one.</summary>
    public PrefixIndex? Prefixes { get; }

    /// <summary>All blocks.</summary>
    public int Count { get; }

    /// <summary>Free blocks.</summary>
    public int FreeCount { get; private set; }

    /// <summary>Blocks without a holder that the index can find.</summary>
    public int CachedCount { get; private set; }

    /// <summary>Blocks with a holder.</summary>
    public int HeldCount { get; private set; }

    /// <summary>The most that <see cref="HeldCount"/> has been.</summary>
    public int PeakHeldCount { get; private set; }

    /// <summary>Blocks that <see cref="TryAllocate"/> can give: free and cached.</summary>
    public int AvailableCount => FreeCount + CachedCount;

    /// <summary>Cached blocks given to another use so far.</summary>
    public long EvictionCount { get; private set; }

    /// <summary>The number of a block's holders; 0 where it is free or cached.</summary>
    public int HolderCount(int block)
    {
        CheckBlock(block);
        return Math.Max(0, _slots[block].HoldersOrPrevious);
    }

    /// <summary>Whether the index can find a block. Such a block must not be written.</summary>
    public bool IsPublished(int block) => Prefixes is not null && Prefixes.Contains(block);

    /// <summary>
    /// Takes a block for one holder, evicting the cached block released longest ago where none is free.
    /// </summary>
    /// <returns>False where every block is held.</returns>
    public bool TryAllocate(out int block)
    {
        if (FreeCount > 0)
        {
            block = _slots[_freeEnd].Next;
            FreeCount--;
        }
        else if (CachedCount > 0)
        {
            block = _slots[_cachedEnd].Next;
            CachedCount--;
            EvictionCount++;
            Unpublish(block);
        }
        else
        {
            block = -1;
            return false;
        }

        Unlink(block);
        _slots[block].HoldersOrPrevious = 1;
        CountHeld();
        return true;
    }

    /// <summary>Adds a holder to a block that is held or cached.</summary>
    public void Hold(int block)
    {
        CheckBlock(block);
        ref var slot = ref _slots[block];
        if (slot.HoldersOrPrevious > 0)
        {
            slot.HoldersOrPrevious = checked(slot.HoldersOrPrevious + 1);
            return;
        }

        if (!IsPublished(block))
        {
            throw new InvalidOperationException($"Block {block} is free; it has to be allocated.");
        }

        Unlink(block);
        slot.HoldersOrPrevious = 1;
        CachedCount--;
        CountHeld();
    }

    /// <summary>Removes one holder. A block without holders is cached if the index can find it, else free.</summary>
    /// <remarks>
    /// Release a sequence's blocks last to first, so that a block is evicted before those that lead to it.
    /// </remarks>
    public void Release(int block)
    {
        CheckBlock(block);
        ref var slot = ref _slots[block];
        if (slot.HoldersOrPrevious <= 0)
        {
            throw new InvalidOperationException($"Block {block} is not held.");
        }

        if (--slot.HoldersOrPrevious > 0)
        {
            return;
        }

        HeldCount--;
        if (IsPublished(block))
        {
            InsertBefore(_cachedEnd, block);
            CachedCount++;
        }
        else
        {
            InsertBefore(_slots[_freeEnd].Next, block);
            FreeCount++;
        }
    }

    /// <summary>
    /// Takes a block out of the index: it is about to be written, or can no longer be found. Its holders keep it.
    /// </summary>
    public void Unpublish(int block) => Prefixes!.Forget(block);

    /// <summary>Forgets every cached block: they are free. Held blocks stay as they are, and findable.</summary>
    public void DropCached()
    {
        while (CachedCount > 0)
        {
            var block = _slots[_cachedEnd].Next;
            Unlink(block);
            Unpublish(block);
            CachedCount--;
            InsertBefore(_slots[_freeEnd].Next, block);
            FreeCount++;
        }
    }

    /// <summary>Free blocks in the order in which they will be given out.</summary>
    public IEnumerable<int> FreeBlocks() => Walk(_freeEnd);

    /// <summary>Cached blocks in the order in which they will be evicted.</summary>
    public IEnumerable<int> CachedBlocks() => Walk(_cachedEnd);

    private IEnumerable<int> Walk(int end)
    {
        for (var block = _slots[end].Next; block != end; block = _slots[block].Next)
        {
            yield return block;
        }
    }

    private void CountHeld()
    {
        HeldCount++;
        PeakHeldCount = Math.Max(PeakHeldCount, HeldCount);
    }

    private void CheckBlock(int block)
    {
        if ((uint)block >= (uint)Count)
        {
            throw new ArgumentOutOfRangeException(nameof(block), block, $"The pool's blocks are 0 to {Count - 1}.");
        }
    }

    private void InsertBefore(int next, int block)
    {
        var previous = ~_slots[next].HoldersOrPrevious;
        _slots[block] = new Slot { HoldersOrPrevious = ~previous, Next = next };
        _slots[previous].Next = block;
        _slots[next].HoldersOrPrevious = ~block;
    }

    private void Unlink(int block)
    {
        ref var slot = ref _slots[block];
        var previous = ~slot.HoldersOrPrevious;
        _slots[previous].Next = slot.Next;
        _slots[slot.Next].HoldersOrPrevious = ~previous;
    }
}
