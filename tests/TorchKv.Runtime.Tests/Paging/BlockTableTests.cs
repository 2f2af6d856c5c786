using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime.Tests.Paging;

[Trait("speed", "fast")]
public class BlockTableTests
{
    private const int BlockSize = 4;

    [Fact]
    public void ATableTakesBlocksOnlyWhenATokenNeedsOne()
    {
        var pool = new BlockPool(8);
        var table = new BlockTable(pool, BlockSize);
        var held = new List<int>();
        for (var i = 0; i < 9; i++)
        {
            Write(table, 1);
            held.Add(pool.HeldCount);
        }

        Assert.Equal([1, 1, 1, 1, 2, 2, 2, 2, 3], held);
        Assert.Equal([0, 1, 2], table.Blocks.ToArray());
    }

    [Fact]
    public void AReservationThatDoesNotFitChangesNothing()
    {
        var pool = new BlockPool(3);
        var table = new BlockTable(pool, BlockSize);
        Write(table, 6);
        var fork = table.Fork();
        Assert.False(fork.TryReserve(3, out _));
        Assert.Equal([0, 1], fork.Blocks.ToArray());
        Assert.Equal(1, pool.FreeCount);
        Assert.True(fork.TryReserve(2, out _));
    }

    [Fact]
    public void AForkSharesBlocksTheFirstWriterCopiesTheLast()
    {
        var pool = new BlockPool(8);
        var parent = new BlockTable(pool, BlockSize);
        Write(parent, 6);
        var fork = parent.Fork();
        Assert.Equal((2, 2), (pool.HolderCount(0), pool.HolderCount(1)));
        Assert.Equal(2, pool.HeldCount);

        Assert.True(fork.TryReserve(1, out var copy));
        Assert.Equal(new BlockCopy(1, 2), copy);
        Assert.Equal([0, 2], fork.Blocks.ToArray());
        Assert.Equal([0, 1], parent.Blocks.ToArray());

        Assert.True(parent.TryReserve(1, out copy));
        Assert.Null(copy);
    }

    [Fact]
    public void AForkAtABlocksEndCopiesNothing()
    {
        var pool = new BlockPool(8);
        var parent = new BlockTable(pool, BlockSize);
        Write(parent, 8);
        var fork = parent.Fork();
        Assert.True(fork.TryReserve(1, out var copy));
        Assert.Null(copy);
        Assert.Equal([0, 1, 2], fork.Blocks.ToArray());
    }

    [Fact]
    public void NoTokenIsWrittenIntoABlockInTheIndex()
    {
        var prefixes = new PrefixIndex(4, BlockSize);
        var pool = new BlockPool(4, prefixes);
        var table = new BlockTable(pool, BlockSize);
        Write(table, 4);
        int[] tokens = [1, 2, 3, 4];
        prefixes.TryPublish(PrefixLink.Root(null), prefixes.Hash(default, tokens), tokens, table[0], out _);
        table.Truncate(3);
        Assert.True(table.TryReserve(1, out var copy));
        Assert.Equal(new BlockCopy(0, 1), copy);
        Assert.Equal([0], pool.CachedBlocks());
    }

    [Fact]
    public void WithoutASpareAPublishedBlockIsWrittenInPlace()
    {
        var prefixes = new PrefixIndex(1, BlockSize);
        var pool = new BlockPool(1, prefixes);
        var table = new BlockTable(pool, BlockSize);
        Write(table, 4);
        int[] tokens = [1, 2, 3, 4];
        prefixes.TryPublish(PrefixLink.Root(null), prefixes.Hash(default, tokens), tokens, table[0], out _);
        table.Truncate(3);
        Assert.True(table.TryReserve(1, out var copy));
        Assert.Null(copy);
        Assert.False(prefixes.Contains(0));
    }

    [Fact]
    public void TruncatingGivesBackTheBlocksOfRejectedTokens()
    {
        var pool = new BlockPool(8);
        var table = new BlockTable(pool, BlockSize);
        Write(table, 13);
        table.Truncate(5);
        Assert.Equal([0, 1], table.Blocks.ToArray());
        Assert.Equal([2, 3, 4, 5, 6, 7], pool.FreeBlocks());
        Assert.True(table.TryReserve(20, out _));
        table.Truncate(5);
        Assert.Equal(2, pool.HeldCount);
    }

    [Fact]
    public void AClearedTablesBlocksStayCachedTheLastEvictedFirst()
    {
        var prefixes = new PrefixIndex(6, BlockSize);
        var pool = new BlockPool(6, prefixes);
        var table = new BlockTable(pool, BlockSize);
        Write(table, 10);
        var link = PrefixLink.Root(null);
        var digest = BlockDigest.Root(null);
        for (var i = 0; i < 2; i++)
        {
            int[] tokens = [i, i, i, i];
            digest = prefixes.Hash(digest, tokens);
            prefixes.TryPublish(link, digest, tokens, table[i], out link);
        }

        table.Clear();
        Assert.Equal([1, 0], pool.CachedBlocks());
        Assert.Equal([2, 3, 4, 5], pool.FreeBlocks());
    }

    [Fact]
    public void ASharedFullBlockIsAppendedOnlyAfterFullBlocks()
    {
        var pool = new BlockPool(4);
        var owner = new BlockTable(pool, BlockSize);
        Write(owner, 4);
        var table = new BlockTable(pool, BlockSize);
        table.AppendShared(owner[0]);
        Assert.Equal(4, table.TokenCount);
        Write(table, 1);
        Assert.Throws<InvalidOperationException>(() => table.AppendShared(owner[0]));
        Assert.Equal(2, pool.HolderCount(0));
    }

    [Fact]
    public void MoreTokensThanWereReservedAreNotCounted()
    {
        var table = new BlockTable(new BlockPool(4), BlockSize);
        table.TryReserve(3, out _);
        Assert.Throws<InvalidOperationException>(() => table.Advance(5));
        Assert.Throws<ArgumentOutOfRangeException>(() => table.Truncate(1));
        Assert.Equal(0, table.TokenCount);
    }

    private static void Write(BlockTable table, int tokens)
    {
        Assert.True(table.TryReserve(tokens, out var copy));
        Assert.Null(copy);
        table.Advance(tokens);
    }
}
