using CsCheck;
using TorchKv.Cluster.Routing;

namespace TorchKv.Cluster.Tests.Routing;

public sealed class TurnOrderTests
{
    [Fact]
    public void ItAgreesWithAList()
        => Gen.Select(Gen.Int[0, 9], Gen.Bool).List[1, 200].Sample(changes =>
        {
            var turns = new TurnOrder();
            var list = new List<(int Replica, long Taken)>();
            var count = 0;
            foreach (var (replica, takes) in changes)
            {
                var place = list.FindIndex(entry => entry.Replica == replica);
                if (place < 0)
                {
                    turns.Add(replica);
                    list.Insert(0, (replica, -1));
                }
                else if (takes)
                {
                    turns.Take(replica);
                    list.RemoveAt(place);
                    list.Add((replica, ++count));
                }
                else
                {
                    turns.Remove(replica);
                    list.RemoveAt(place);
                }

                var found = new List<int>();
                for (var next = turns.First; next >= 0; next = turns.After(next))
                {
                    found.Add(next);
                }

                Assert.Equal(list.Select(entry => entry.Replica), found);
                Assert.All(
                    list,
                    entry => Assert.True(
                        entry.Taken < 0
                            ? turns.Waited(entry.Replica) > 1_000_000
                            : turns.Waited(entry.Replica) == count - entry.Taken));
            }
        });
}
