namespace TorchKv.Runtime.Paging;

/// <summary>
/// Who holds which KV block. A block is free (nothing of worth in it), held (by one holder or several), or cached (nobody
/// holds it, but the prefix index can find it): free + held + cached = all, always.
/// </summary>
/// <remarks>
/// Free blocks are given out first, the one freed last before the others since the processor's caches may still have it;
/// then cached blocks, the one released longest ago first. Every operation is O(1) and allocates nothing; a block costs
/// 8 bytes here. Knows no tensors. Not thread-safe.
/// </remarks>
public sealed class BlockPool
{
    // A held block needs a count and an unheld one its neighbours, so they share a field: Holders > 0 is the count of a
    // held block; below 0 it is the complement of the previous block in the list of free or of cached blocks.
    private struct Slot
    {
        public int Holders;
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
            throw new ArgumentException($"The index is over {prefixes.BlockCount} blocks, the pool over {blockCount}.", nameof(prefixes));
        }

        Prefixes = prefixes;
        Count = blockCount;
        _slots = new Slot[blockCount + 2];
        _freeEnd = blockCount;
        _cachedEnd = blockCount + 1;
        _slots[_freeEnd] = new Slot { Holders = ~_freeEnd, Next = _freeEnd };
        _slots[_cachedEnd] = new Slot { Holders = ~_cachedEnd, Next = _cachedEnd };
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

    /// <summary>Blocks with nothing of worth in them.</summary>
    public int FreeCount { get; private set; }

    /// <summary>Blocks that nobody holds but the index can find.</summary>
    public int CachedCount { get; private set; }

    /// <summary>Blocks that somebody holds.</summary>
    public int HeldCount { get; private set; }

    /// <summary>Blocks that <see cref="TryAllocate"/> can give: free and cached.</summary>
    public int AvailableCount => FreeCount + CachedCount;

    /// <summary>Cached blocks given to another use so far.</summary>
    public long EvictionCount { get; private set; }

    /// <summary>How many hold a block; 0 where it is free or cached.</summary>
    public int HolderCount(int block)
    {
        CheckBlock(block);
        return Math.Max(0, _slots[block].Holders);
    }

    /// <summary>Whether the index can find a block. Such a block must not be written.</summary>
    public bool IsPublished(int block) => Prefixes is not null && Prefixes.Contains(block);

    /// <summary>Takes a block for one holder, evicting the cached block released longest ago where none is free.</summary>
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
            Prefixes!.Forget(block);
        }
        else
        {
            block = -1;
            return false;
        }

        Unlink(block);
        _slots[block].Holders = 1;
        HeldCount++;
        return true;
    }

    /// <summary>Adds a holder to a block that is held or cached.</summary>
    public void Hold(int block)
    {
        CheckBlock(block);
        ref var slot = ref _slots[block];
        if (slot.Holders > 0)
        {
            slot.Holders = checked(slot.Holders + 1);
            return;
        }

        if (!IsPublished(block))
        {
            throw new InvalidOperationException($"Block {block} is free; it has to be allocated.");
        }

        Unlink(block);
        slot.Holders = 1;
        CachedCount--;
        HeldCount++;
    }

    /// <summary>Takes one holder away. A block without one is cached if the index can find it, else free.</summary>
    /// <remarks>Release a sequence's blocks last to first, so that a block is evicted before those that lead to it.</remarks>
    public void Release(int block)
    {
        CheckBlock(block);
        ref var slot = ref _slots[block];
        if (slot.Holders <= 0)
        {
            throw new InvalidOperationException($"Block {block} is not held.");
        }

        if (--slot.Holders > 0)
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

    /// <summary>Forgets every cached block: they are free. Held blocks stay as they are, and findable.</summary>
    public void DropCached()
    {
        while (CachedCount > 0)
        {
            var block = _slots[_cachedEnd].Next;
            Unlink(block);
            Prefixes!.Forget(block);
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

    private void CheckBlock(int block)
    {
        if ((uint)block >= (uint)Count)
        {
            throw new ArgumentOutOfRangeException(nameof(block), block, $"The pool's blocks are 0 to {Count - 1}.");
        }
    }

    private void InsertBefore(int next, int block)
    {
        var previous = ~_slots[next].Holders;
        _slots[block] = new Slot { Holders = ~previous, Next = next };
        _slots[previous].Next = block;
        _slots[next].Holders = ~block;
    }

    private void Unlink(int block)
    {
        ref var slot = ref _slots[block];
        var previous = ~slot.Holders;
        _slots[previous].Next = slot.Next;
        _slots[slot.Next].Holders = ~previous;
    }
}
