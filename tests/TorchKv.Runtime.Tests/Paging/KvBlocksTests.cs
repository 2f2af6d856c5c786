using TorchKv.Runtime.Paging;
using TorchKv.Testing;

namespace TorchKv.Runtime.Tests.Paging;

/// <summary>What sequences hold, share and publish, through the one door that the scheduler uses.</summary>
[Trait("speed", "fast")]
public class KvBlocksTests
{
    private const int BlockSize = 2;

    private readonly BlockPool _pool;
    private readonly KvBlocks _blocks;

    public KvBlocksTests()
    {
        _pool = new BlockPool(16, new PrefixIndex(16, BlockSize));
        _blocks = new KvBlocks(_pool, BlockSize);
    }

    [Fact]
    public void ASequenceAdoptsAllFullBlocksButTheLastTokens()
    {
        Compute(New(), [1, 2, 3, 4]);
        var second = New();
        _blocks.Adopt(second, [1, 2, 3, 4], int.MaxValue);
        Assert.Equal(2, second.Table.TokenCount);
        var third = New();
        _blocks.Adopt(third, [1, 2, 3, 4, 5], int.MaxValue);
        Assert.Equal(4, third.Table.TokenCount);
        var limited = New();
        _blocks.Adopt(limited, [1, 2, 3, 4, 5], maxTokens: 3);
        Assert.Equal(2, limited.Table.TokenCount);
        var salted = New("salt");
        _blocks.Adopt(salted, [1, 2, 3, 4, 5], int.MaxValue);
        Assert.Equal(0, salted.Table.TokenCount);
        _pool.CheckInvariants();
    }

    [Fact]
    public void SequencesSharingAPromptHaveTheirOwnDigestsAfterIt()
    {
        var leader = New();
        Compute(leader, [1, 2, 3, 4, 5, 6]);
        var other = New();
        _blocks.Share(other, leader, tokens: 2);
        Compute(other, [1, 2, 7, 8]);
        var found = New();
        _blocks.Adopt(found, [1, 2, 7, 8, 9], int.MaxValue);
        Assert.Equal(other.Table.Blocks.ToArray(), found.Table.Blocks.ToArray());
        var wrong = New();
        _blocks.Adopt(wrong, [1, 2, 3, 4, 9], int.MaxValue);
        Assert.Equal(leader.Table.Blocks.ToArray()[..2], wrong.Table.Blocks.ToArray());
        Assert.Equal(4, _pool.Prefixes!.PublishedCount);
    }

    [Fact]
    public void DraftsAreNotPublishedUntilTheyAreAccepted()
    {
        var sequence = New();
        Assert.True(_blocks.TryReserve(sequence, 6, out _));
        _blocks.Computed(sequence, [1, 2, 3], count: 6);
        Assert.Equal(1, _pool.Prefixes!.PublishedCount);
        _blocks.Truncate(sequence, [1, 2, 3, 4, 5]);
        Assert.Equal((5, 2), (sequence.Table.TokenCount, _pool.Prefixes.PublishedCount));
        Assert.Equal(3, _pool.HeldCount);
    }

    [Fact]
    public void PrivateBlocksOfASessionAreNeverPublished()
    {
        var session = _blocks.NewTable();
        session.TryReserve(4, out _);
        session.Advance(4);
        var turn = New();
        _blocks.Continue(turn, session, [1, 2, 3, 4, 5], keepPrivate: true);
        Compute(turn, [1, 2, 3, 4, 5, 6]);
        Assert.Equal(0, _pool.Prefixes!.PublishedCount);

        // After a preemption the blocks are computed anew, from tokens that are known.
        _blocks.Release(turn);
        Compute(turn, [1, 2, 3, 4, 5, 6]);
        Assert.Equal(3, _pool.Prefixes.PublishedCount);
    }

    [Fact]
    public void AFailedCopyTakesTheBlocksFromThereOn()
    {
        var parent = New();
        Compute(parent, [1, 2, 3]);
        var child = _blocks.Fork(parent);
        Assert.True(_blocks.TryReserve(child, 3, out var copy));
        Assert.Equal(parent.Table[1], copy!.Value.Source);
        _blocks.DropFrom(child, copy.Value.Destination);
        Assert.Equal((2, 3), (child.Table.TokenCount, parent.Table.TokenCount));
        _blocks.Release(child);
        _blocks.Release(parent);
        Assert.Equal((0, 1, 15), (_pool.HeldCount, _pool.CachedCount, _pool.FreeCount));
    }

    private SequenceBlocks New(string? salt = null) => _blocks.NewSequence(PrefixRoot.Of(salt));

    /// <summary>Counts a sequence's tokens as computed that its blocks do not hold yet.</summary>
    private void Compute(SequenceBlocks sequence, int[] tokens)
    {
        var count = tokens.Length - sequence.Table.TokenCount;
        Assert.True(_blocks.TryReserve(sequence, count, out _));
        _blocks.Computed(sequence, tokens, count);
        _pool.CheckInvariants();
    }
}
