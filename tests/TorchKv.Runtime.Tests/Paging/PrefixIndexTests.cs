using System.Buffers.Binary;
using System.Security.Cryptography;
using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime.Tests.Paging;

[Trait("speed", "fast")]
public class PrefixIndexTests
{
    private static readonly PrefixHash AlwaysTheSame = (in BlockDigest _, ReadOnlySpan<int> _) => default;

    [Fact]
    public void AChainOfBlocksIsFoundBlockByBlock()
    {
        var index = new PrefixIndex(8, 2);
        var chain = Publish(index, null, [10, 11, 12, 13, 14, 15], 3, 5, 1);
        Assert.Equal([3, 5, 1], Find(index, null, [10, 11, 12, 13, 14, 15]));
        Assert.Equal([3, 5], Find(index, null, [10, 11, 12, 13, 99, 15]));
        Assert.Equal([], Find(index, null, [10, 99, 12, 13, 14, 15]));
        Assert.Equal(3, chain.Count);
    }

    [Fact]
    public void TheSameTokensAfterAnotherParentAreAnotherBlock()
    {
        var index = new PrefixIndex(8, 2);
        Publish(index, null, [1, 1, 7, 7], 0, 1);
        Publish(index, null, [2, 2, 7, 7], 2, 3);
        Assert.Equal([0, 1], Find(index, null, [1, 1, 7, 7]));
        Assert.Equal([2, 3], Find(index, null, [2, 2, 7, 7]));
        Assert.Equal([], Find(index, null, [7, 7]));
    }

    [Fact]
    public void SaltsSeparateTenants()
    {
        var index = new PrefixIndex(8, 2);
        Publish(index, "alice", [1, 1, 2, 2], 0, 1);
        Assert.Equal([], Find(index, null, [1, 1, 2, 2]));
        Assert.Equal([], Find(index, "bob", [1, 1, 2, 2]));
        Publish(index, "bob", [1, 1, 2, 2], 2, 3);
        Assert.Equal([0, 1], Find(index, "alice", [1, 1, 2, 2]));
        Assert.Equal([2, 3], Find(index, "bob", [1, 1, 2, 2]));
        index.Forget(0);
        Assert.Equal([], Find(index, "alice", [1, 1, 2, 2]));
        Assert.Equal(BlockDigest.Root(""), BlockDigest.Root(null));
        Assert.Equal(PrefixLink.Root(""), PrefixLink.Root(null));
    }

    [Fact]
    public void ForcedHashCollisionsMixNeitherPromptsNorSalts()
    {
        var index = new PrefixIndex(16, 2, hash: AlwaysTheSame);
        Publish(index, null, [1, 1, 7, 7], 0, 1);
        Publish(index, null, [2, 2, 7, 7], 2, 3);
        Publish(index, null, [2, 1, 7, 7], 4, 5);
        Publish(index, "alice", [1, 1, 7, 7], 6, 7);
        Assert.Equal([0, 1], Find(index, null, [1, 1, 7, 7]));
        Assert.Equal([2, 3], Find(index, null, [2, 2, 7, 7]));
        Assert.Equal([4, 5], Find(index, null, [2, 1, 7, 7]));
        Assert.Equal([6, 7], Find(index, "alice", [1, 1, 7, 7]));
        Assert.Equal([], Find(index, "bob", [1, 1, 7, 7]));
        index.Forget(3);
        Assert.Equal([2], Find(index, null, [2, 2, 7, 7]));
        Assert.Equal([0, 1], Find(index, null, [1, 1, 7, 7]));
    }

    [Fact]
    public void TheFirstBlockWithAContentStaysFound()
    {
        var index = new PrefixIndex(8, 2);
        Publish(index, null, [1, 1], 4);
        var digest = index.Hash(default, [1, 1]);
        Assert.True(index.TryPublish(PrefixLink.Root(null), digest, [1, 1], 6, out var link));
        Assert.Equal(4, link.Block);
        Assert.False(index.Contains(6));
    }

    [Fact]
    public void AReusedBlocksOldChildIsNotFound()
    {
        var index = new PrefixIndex(8, 2);
        var chain = Publish(index, null, [1, 1, 7, 7], 0, 1);
        index.Forget(0);
        Publish(index, null, [2, 2], 0);
        Assert.Equal([0], Find(index, null, [2, 2, 7, 7]));
        var parent = chain[0];
        Assert.False(index.IsAlive(parent));
        Assert.False(index.TryPublish(parent, index.Hash(index.Hash(default, [1, 1]), [9, 9]), [9, 9], 5, out _));
        Assert.False(index.Contains(5));
    }

    [Fact]
    public void TheDigestIsSha256OfParentAndTokens()
    {
        var parent = BlockDigest.Root("tenant");
        Span<byte> input = stackalloc byte[32 + 8];
        SHA256.HashData("tenant"u8, input);
        BinaryPrimitives.WriteInt32LittleEndian(input[32..], 50_256);
        BinaryPrimitives.WriteInt32LittleEndian(input[36..], 3);
        Span<byte> actual = stackalloc byte[32];
        BlockDigest.Sha256(parent, [50_256, 3]).CopyTo(actual);
        Assert.Equal(SHA256.HashData(input), actual.ToArray());
    }

    [Theory]
    [InlineData(65_536)]
    [InlineData(200_000)]
    public void TokenIdsAreComparedInFullWidth(int vocabulary)
    {
        var index = new PrefixIndex(4, 2, vocabulary, AlwaysTheSame);
        Publish(index, null, [3, vocabulary - 1], 0);
        Assert.Equal([0], Find(index, null, [3, vocabulary - 1]));
        Assert.Equal([], Find(index, null, [3 + 65_536, vocabulary - 1]));
        Assert.Equal([], Find(index, null, [3 - 65_536, vocabulary - 1]));
    }

    [Fact]
    public void PartOfABlockIsNeverIndexed()
    {
        var index = new PrefixIndex(4, 4);
        Assert.Throws<ArgumentException>(() => index.TryFind(PrefixLink.Root(null), default, [1, 2, 3], out _));
        Assert.Throws<ArgumentException>(() => index.TryPublish(PrefixLink.Root(null), default, [1, 2, 3, 4, 5], 0, out _));
    }

    private static List<PrefixLink> Publish(PrefixIndex index, string? salt, int[] tokens, params int[] blocks)
    {
        var link = PrefixLink.Root(salt);
        var digest = BlockDigest.Root(salt);
        var links = new List<PrefixLink>();
        for (var i = 0; i < blocks.Length; i++)
        {
            var block = tokens.AsSpan(i * index.BlockSize, index.BlockSize);
            digest = index.Hash(digest, block);
            Assert.True(index.TryPublish(link, digest, block, blocks[i], out link));
            links.Add(link);
        }

        return links;
    }

    private static List<int> Find(PrefixIndex index, string? salt, int[] tokens)
    {
        var link = PrefixLink.Root(salt);
        var digest = BlockDigest.Root(salt);
        var blocks = new List<int>();
        for (var i = 0; i < tokens.Length; i += index.BlockSize)
        {
            var block = tokens.AsSpan(i, index.BlockSize);
            digest = index.Hash(digest, block);
            if (!index.TryFind(link, digest, block, out link))
            {
                break;
            }

            blocks.Add(link.Block);
        }

        return blocks;
    }
}
