using CsCheck;
using TorchKv.Cluster.Routing;
using TorchKv.Runtime.Paging;

namespace TorchKv.Cluster.Tests.Routing;

public sealed class DigestChainTests
{
    [Fact]
    public void ItMakesTheDigestsOfTheEnginesIndex()
        => Gen.Select(Gen.Int[0, 50_256].Array[0, 100], Prompts.OneOf("", "tenant 7", "ü"))
            .Sample((tokens, salt) =>
            {
                var chain = new DigestChain(salt);
                chain.Append(tokens);
                var engine = new PrefixChain(PrefixRoot.Of(salt));
                var index = new PrefixIndex(64);
                Assert.Equal(tokens.Length / 16, chain.Digests.Length);
                for (var block = 0; block < chain.Digests.Length; block++)
                {
                    Assert.Equal(engine.Digest(index, tokens, block), chain.Digests[block]);
                }
            });

    [Fact]
    public void TokensMayBeAddedInAnyPieces()
        => Gen.Int[0, 9].Array[0, 40].List[0, 8].Sample(pieces =>
        {
            var whole = new DigestChain("s");
            whole.Append([.. pieces.SelectMany(piece => piece)]);
            var chain = new DigestChain("s");
            foreach (var piece in pieces)
            {
                chain.Append(piece);
            }

            Assert.Equal(whole.TokenCount, chain.TokenCount);
            Assert.Equal(whole.Digests.ToArray(), chain.Digests.ToArray());
        });

    [Fact]
    public void AnotherSaltGivesOtherDigests()
    {
        var (one, other) = (new DigestChain("a"), new DigestChain("b"));
        one.Append(new int[32]);
        other.Append(new int[32]);
        Assert.Equal(2, one.Digests.Length);
        Assert.Empty(one.Digests.ToArray().Intersect(other.Digests.ToArray()));
    }
}
