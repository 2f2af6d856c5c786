using CsCheck;
using TorchKv.Cluster.Routing;
using TorchKv.Runtime.Paging;

namespace TorchKv.Cluster.Tests.Routing;

public sealed class PrefixHoldersTests
{
    [Fact]
    public void TheBlocksUsedLongestAgoAreForgottenFirst()
    {
        var holders = new PrefixHolders();
        holders.Reset(0, 4);
        holders.Use(0, Prompts.Digests("aabb"));
        holders.Use(0, Prompts.Digests("ccdd"));
        holders.Use(0, Prompts.Digests("aa"));
        holders.Use(0, Prompts.Digests("eeff"));
        Assert.Equal(1, holders.Matched(0, Prompts.Digests("aabb")));
        Assert.Equal(1, holders.Matched(0, Prompts.Digests("ccdd")));
        Assert.Equal(2, holders.Matched(0, Prompts.Digests("eeff")));
        Assert.Equal(4, holders.Count(0));
    }

    [Fact]
    public void OfATextLongerThanThePoolItsBeginningIsKept()
    {
        var holders = new PrefixHolders();
        holders.Reset(0, 2);
        holders.Use(0, Prompts.Digests("aabbccddee"));
        Assert.Equal(2, holders.Count(0));
        Assert.Equal(2, holders.Matched(0, Prompts.Digests("aabbccddee")));
    }

    [Fact]
    public void AReplicaThatIsResetHasNothing()
    {
        var holders = new PrefixHolders();
        holders.Reset(0, 8);
        holders.Reset(1, 8);
        holders.Use(0, Prompts.Digests("aabbcc"));
        holders.Use(1, Prompts.Digests("aabb"));
        holders.Reset(0, 8);
        Assert.Equal((0, 2), (holders.Count(0), holders.Count(1)));
        Assert.Equal(2, holders.Depth(Prompts.Digests("aabbcc")));
        holders.Reset(1, 0);
        Assert.Equal(0, holders.BlockCount);
    }

    [Fact]
    public void ABlockIsContinuedOnceALongerTextWasSeen()
    {
        var holders = new PrefixHolders();
        holders.Reset(0, 8);
        var text = Prompts.Digests("aabbcc");
        holders.Use(0, text.AsSpan(0, 2));
        Assert.Equal([true, false, false], text.Select(block => holders.IsContinued(block)));
        holders.Use(0, text);
        Assert.Equal([true, true, false], text.Select(block => holders.IsContinued(block)));
    }

    [Fact]
    public void ItAgreesWithOneListForEachReplica()
    {
        // Texts over few letters, so that many begin alike; replica 5 is reset now and then.
        var text = Gen.Char["ab"].Array[0, 12].Select(letters => new string(letters));
        var use = Gen.Select(Gen.Int[0, 4], text, Gen.Int[0, 19]);
        use.List[1, 120].Sample(uses =>
        {
            const int replicas = 5;
            var holders = new PrefixHolders();
            var lists = new List<BlockDigest>[replicas];
            for (var replica = 0; replica < replicas; replica++)
            {
                holders.Reset(replica, 4 + replica);
                lists[replica] = [];
            }

            foreach (var (replica, what, dice) in uses)
            {
                var blocks = Prompts.Digests(what);
                var list = lists[replica];
                if (dice == 0)
                {
                    holders.Reset(replica, 4 + replica);
                    list.Clear();
                }
                else
                {
                    holders.Use(replica, blocks);
                    var used = blocks.Take(4 + replica).ToArray();
                    list.RemoveAll(used.Contains);
                    list.InsertRange(0, used);
                    list.RemoveRange(Math.Min(list.Count, 4 + replica), Math.Max(0, list.Count - (4 + replica)));
                }

                for (var each = 0; each < replicas; each++)
                {
                    Assert.Equal(blocks.TakeWhile(lists[each].Contains).Count(), holders.Matched(each, blocks));
                    Assert.Equal(lists[each].Count, holders.Count(each));
                }

                Assert.Equal(blocks.TakeWhile(block => lists.Any(l => l.Contains(block))).Count(), holders.Depth(blocks));
                Assert.All(blocks, block => Assert.Equal(
                    Enumerable.Range(0, replicas).Where(each => lists[each].Contains(block)),
                    Enumerable.Range(0, holders.HolderCount(block)).Select(place => holders.Holder(block, place))));
                Assert.Equal(lists.SelectMany(l => l).Distinct().Count(), holders.BlockCount);
            }
        });
    }
}
