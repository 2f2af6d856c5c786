using TorchKv.Runtime.Paging;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Paging;

[Trait("speed", "fast")]
public class BlockPoolTests
{
    [Fact]
    public void FreshBlocksAreGivenOutFromZero()
    {
        var pool = new BlockPool(4);
        Assert.Equal([0, 1, 2, 3], TakeAll(pool));
        Assert.False(pool.TryAllocate(out var none));
        Assert.Equal(-1, none);
        Assert.Equal((0, 4, 0), (pool.FreeCount, pool.HeldCount, pool.CachedCount));
    }

    [Fact]
    public void TheBlockFreedLastIsGivenOutFirst()
    {
        var pool = new BlockPool(4);
        TakeAll(pool);
        pool.Release(1);
        pool.Release(3);
        pool.Release(0);
        Assert.Equal([0, 3, 1], TakeAll(pool));
    }

    [Fact]
    public void ABlockWithTwoHoldersNeedsTwoReleases()
    {
        var pool = new BlockPool(1);
        pool.TryAllocate(out var block);
        pool.Hold(block);
        Assert.Equal(2, pool.HolderCount(block));
        pool.Release(block);
        Assert.False(pool.TryAllocate(out _));
        pool.Release(block);
        Assert.True(pool.TryAllocate(out _));
    }

    [Fact]
    public void FreeBlocksAreTakenFirstThenTheOldestCachedOnes()
    {
        var (pool, prefixes) = WithIndex(5);
        TakeAll(pool);
        Publish(prefixes, 0, 1, 2);
        pool.Release(1);
        pool.Release(4);
        pool.Release(0);
        pool.Release(2);
        Assert.Equal([1, 0, 2], pool.CachedBlocks());
        Assert.Equal([4], pool.FreeBlocks());
        Assert.Equal([4, 1, 0, 2], TakeAll(pool));
        Assert.Equal(3, pool.EvictionCount);
    }

    [Fact]
    public void ATouchedCachedBlockMovesToTheEvictionOrdersEnd()
    {
        var (pool, prefixes) = WithIndex(3);
        TakeAll(pool);
        Publish(prefixes, 0, 1, 2);
        foreach (var block in new[] { 0, 1, 2 })
        {
            pool.Release(block);
        }

        pool.Hold(0);
        Assert.Equal([1, 2], pool.CachedBlocks());
        pool.Release(0);
        Assert.Equal([1, 2, 0], pool.CachedBlocks());
    }

    [Fact]
    public void AnEvictedBlockCanNoLongerBeFound()
    {
        var (pool, prefixes) = WithIndex(1);
        pool.TryAllocate(out var block);
        var digest = prefixes.Hash(default, [7, 7]);
        Assert.True(prefixes.TryPublish(PrefixLink.Root(null), digest, [7, 7], block, out var link));
        pool.Release(block);
        Assert.True(prefixes.TryFind(PrefixLink.Root(null), digest, [7, 7], out _));
        pool.TryAllocate(out _);
        Assert.False(prefixes.TryFind(PrefixLink.Root(null), digest, [7, 7], out _));
        Assert.False(prefixes.IsAlive(link));
    }

    [Fact]
    public void ABlockThatSomebodyUsesIsNeverEvicted()
    {
        var (pool, prefixes) = WithIndex(2);
        TakeAll(pool);
        Publish(prefixes, 0, 1);
        pool.Release(1);
        Assert.Equal([1], TakeAll(pool));
        Assert.True(prefixes.Contains(0));
        Assert.False(pool.TryAllocate(out _));
    }

    [Fact]
    public void MisuseIsRefusedAndChangesNothing()
    {
        var pool = new BlockPool(2);
        Assert.Throws<InvalidOperationException>(() => pool.Release(0));
        Assert.Throws<InvalidOperationException>(() => pool.Hold(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Hold(2));
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Release(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new BlockPool(0));
        pool.CheckInvariants();
        Assert.Equal([0, 1], TakeAll(pool));
    }

    [Fact]
    public void DroppingTheCacheFreesCachedBlocksAndKeepsHeldOnes()
    {
        var (pool, prefixes) = WithIndex(3);
        TakeAll(pool);
        Publish(prefixes, 0, 1, 2);
        pool.Release(0);
        pool.Release(1);
        pool.DropCached();
        pool.CheckInvariants();
        Assert.Equal((2, 1, 0), (pool.FreeCount, pool.HeldCount, pool.CachedCount));
        Assert.True(prefixes.Contains(2));
        Assert.Equal(1, prefixes.PublishedCount);
    }

    [Theory]
    [InlineData(1_000_000)]
    [InlineData(1_048_577)]
    [InlineData(700_001)]
    public void ABlockCostsAtMost64BytesIndexIncluded(int blocks)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var pool = new BlockPool(blocks, new PrefixIndex(blocks, 16, 50_257));
        var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        GC.KeepAlive(pool);
        // A collection in between counts what is left of the thread's allocation buffer, 8 KiB, as allocated.
        const int Slack = 16 * 1024;
        Assert.InRange((bytes - Slack) / (double)blocks, 0, 64);
    }

    [Fact]
    public void OperationsAllocateNothing()
    {
        var (pool, prefixes) = WithIndex(64);
        var digest = prefixes.Hash(default, [1, 2]);
        Cycle();
        Assert.Equal(0, Allocations.Fewest(Cycle));

        void Cycle()
        {
            for (var i = 0; i < 200; i++)
            {
                pool.TryAllocate(out var block);
                prefixes.TryPublish(PrefixLink.Root(null), digest, [1, 2], block, out var link);
                pool.Hold(block);
                pool.Release(block);
                pool.Release(block);
                prefixes.TryFind(PrefixLink.Root(null), digest, [1, 2], out _);
            }
        }
    }

    private static (BlockPool Pool, PrefixIndex Prefixes) WithIndex(int blocks)
    {
        var prefixes = new PrefixIndex(blocks, 2);
        return (new BlockPool(blocks, prefixes), prefixes);
    }

    private static void Publish(PrefixIndex prefixes, params int[] blocks)
    {
        foreach (var block in blocks)
        {
            int[] tokens = [block, 100];
            Assert.True(prefixes.TryPublish(PrefixLink.Root(null), prefixes.Hash(default, tokens), tokens, block, out var link));
            Assert.Equal(block, link.Block);
        }
    }

    private static List<int> TakeAll(BlockPool pool)
    {
        var blocks = new List<int>();
        while (pool.TryAllocate(out var block))
        {
            blocks.Add(block);
            pool.CheckInvariants();
        }

        return blocks;
    }
}
