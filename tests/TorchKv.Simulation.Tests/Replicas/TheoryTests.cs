using TorchKv.Cluster.Routing;
using TorchKv.Simulation.Replicas;

namespace TorchKv.Simulation.Tests.Replicas;

/// <summary>The simulation against what is known exactly.</summary>
public sealed class TheoryTests
{
    // The shares of queues with at least k = 1..5 requests, after the queues have settled.
    private static double[] QueueShares(RouterKind policy, int replicas, double load, double probeSeconds = 0)
    {
        const double settled = 60;
        var simulation = new ClusterSimulation(new ClusterOptions
        {
            Replicas = replicas,
            Kind = ReplicaKind.Queue,
            Policy = policy,
            ProbeSeconds = probeSeconds,
            Chats = new ChatOptions
            {
                Requests = (int)(replicas * load * 3 * settled),
                RequestsPerSecond = replicas * load,
                Turns = (1, 1),
            },
        });
        var counts = new long[5];
        var (samples, next) = (0, settled);
        while (simulation.Time < 2.9 * settled && simulation.Step())
        {
            if (simulation.Time >= next)
            {
                next += 1;
                samples++;
                for (var k = 1; k <= counts.Length; k++)
                {
                    counts[k - 1] += simulation.Replicas.Count(replica => replica.RequestCount >= k);
                }
            }
        }

        Assert.InRange(samples, 100, 120);
        return [.. counts.Select(count => (double)count / samples / replicas)];
    }

    [Fact]
    public void TwoChoicesGiveMitzenmachersQueues()
    {
        // The share of queues with at least k requests is λ^(2^k − 1).
        var shares = QueueShares(RouterKind.TwoChoices, 1_000, 0.9);
        for (var k = 1; k <= shares.Length; k++)
        {
            Assert.Equal(Math.Pow(0.9, Math.Pow(2, k) - 1), shares[k - 1], 0.015);
        }
    }

    [Fact]
    public void OneChoiceGivesIndependentQueues()
    {
        // M/M/1: λ^k. A load of 0.7, at which 60 s are enough to settle.
        var shares = QueueShares(RouterKind.OneChoice, 1_000, 0.7);
        for (var k = 1; k <= shares.Length; k++)
        {
            Assert.Equal(Math.Pow(0.7, k), shares[k - 1], 0.015);
        }
    }

    [Fact]
    public void WithOldProbesTheLeastLoadedIsWorseThanRandom()
    {
        // Mitzenmacher 2000: with old information everybody goes where it was empty.
        var fresh = QueueShares(RouterKind.LeastProbed, 200, 0.9);
        var old = QueueShares(RouterKind.LeastProbed, 200, 0.9, probeSeconds: 5);
        var random = QueueShares(RouterKind.OneChoice, 200, 0.9);
        Assert.True(fresh[1] < 0.05, $"{fresh[1]} of the queues have two requests.");
        Assert.True(old[4] > random[4] / 2 && old[4] > 10 * fresh[4], $"{fresh[4]}, {old[4]}, {random[4]}");
    }

    [Theory]
    [InlineData(100)]
    [InlineData(1_000)]
    [InlineData(10_000)]
    public void OfAHashedConversationOnlyTheLostReplicasMove(int replicas)
    {
        var router = new CountingRouter(RouterKind.SessionHash, new RoutingOptions { LoadMargin = 1_000_000 }, replicas);
        for (var replica = 0; replica < replicas; replica++)
        {
            router.SetReady(replica, true);
        }

        var requests = Enumerable.Range(0, 2_000)
            .Select(number => new ClusterRequest(new Conversation(number, 0, 0, 1, 16), 10, 1, 0, true))
            .ToArray();
        var before = requests.Select(request => router.Choose(request, -1)).ToArray();
        var lost = before[0];
        router.SetReady(lost, false);
        var after = requests.Select(request => router.Choose(request, -1)).ToArray();
        Assert.All(before.Zip(after), place => Assert.True(place.First == lost ? place.Second != lost : place.Second == place.First));
        Assert.InRange(before.Distinct().Count(), Math.Min(replicas, 1_000) / 2, replicas);
    }

    [Theory]
    [InlineData(100, 20)]
    [InlineData(1_000, 2)]
    public void NoHashedLoadIsAboveTheBound(int replicas, int requestsEach)
    {
        // Mirrokni et al. 2018: at most ⌈c · m / n⌉.
        var router = new CountingRouter(RouterKind.SessionHash, new RoutingOptions { LoadMargin = 0 }, replicas);
        for (var replica = 0; replica < replicas; replica++)
        {
            router.SetReady(replica, true);
        }

        var loads = new int[replicas];
        for (var number = 0; number < replicas * requestsEach; number++)
        {
            var request = new ClusterRequest(new Conversation(number, 0, 0, 1, 16), 10, 1, 0, true);
            request.Replica = router.Choose(request, -1);
            router.Started(request);
            loads[request.Replica]++;
        }

        Assert.Equal(replicas * requestsEach, loads.Sum());
        Assert.Equal(Math.Ceiling(1.25 * requestsEach), loads.Max());
    }
}
