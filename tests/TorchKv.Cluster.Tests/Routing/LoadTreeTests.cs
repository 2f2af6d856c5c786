using CsCheck;
using TorchKv.Cluster.Routing;

namespace TorchKv.Cluster.Tests.Routing;

public sealed class LoadTreeTests
{
    [Fact]
    public void ItFindsALeastLoad()
        => Gen.Select(Gen.Int[0, 20], Gen.Long[0, 5], Gen.ULong).List[1, 100].Sample(changes =>
        {
            var tree = new LoadTree();
            var loads = new Dictionary<int, long>();
            foreach (var (index, load, key) in changes)
            {
                loads[index] = load == 5 ? LoadTree.Absent : load;
                tree.Set(index, loads[index]);
                var least = loads.Values.Min();
                var found = tree.Least(key);
                if (least == LoadTree.Absent)
                {
                    Assert.Equal(-1, found);
                }
                else
                {
                    Assert.Equal(least, loads[found]);
                }
            }
        });

    [Fact]
    public void EqualLoadsAreFoundByKey()
    {
        var tree = new LoadTree();
        for (var i = 0; i < 8; i++)
        {
            tree.Set(i, 3);
        }

        Assert.Equal(8, Enumerable.Range(0, 8).Select(key => tree.Least((ulong)key)).Distinct().Count());
    }
}
