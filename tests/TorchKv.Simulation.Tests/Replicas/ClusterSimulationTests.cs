using TorchKv.Runtime.Contracts;
using TorchKv.Simulation.Replicas;

namespace TorchKv.Simulation.Tests.Replicas;

public sealed class ClusterSimulationTests
{
    private static ClusterOptions Cluster(int replicas, ReplicaKind kind, int requests) => new()
    {
        Replicas = replicas,
        Kind = kind,
        Chats = new ChatOptions { Requests = requests, RequestsPerSecond = 4 * replicas },
    };

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void EveryRequestEndsAndOneSeedGivesOneReport(int kind)
    {
        var options = Cluster(16, (ReplicaKind)kind, 3_000) with
        {
            Routers = 3,
            IsSticky = false,
            ReplaceSeconds = 30,
            RackLoss = (20, 0.25),
            Join = (10, 0.2),
            Slow = (0.1, 3),
        };
        var (one, other) = (ClusterSimulation.Run(options), ClusterSimulation.Run(options));
        Assert.Equal(3_000, one.Completed);
        Assert.Equal(3_000, one.TimeToFirstToken.Count);
        Assert.True(one.Resumed > 0);
        Assert.Equal(
            (one.Duration, one.HitShare, one.Resumed, one.Misdirected, one.GeneratedTokens),
            (other.Duration, other.HitShare, other.Resumed, other.Misdirected, other.GeneratedTokens));
        Assert.Equal(one.Moments, other.Moments);
    }

    [Fact]
    public void TheFlowAgreesWithTheSchedulerStepByStep()
    {
        foreach (var policy in (RouterKind[])[RouterKind.Prefix, RouterKind.RoundRobin, RouterKind.HeadHash])
        {
            var exact = ClusterSimulation.Run(Cluster(8, ReplicaKind.Scheduler, 6_000) with { Policy = policy });
            var flow = ClusterSimulation.Run(Cluster(8, ReplicaKind.Flow, 6_000) with { Policy = policy });
            Assert.Equal(exact.HitShare, flow.HitShare, 0.015);
            Assert.Equal(1, flow.EndToEnd.Percentile(0.5) / exact.EndToEnd.Percentile(0.5), 0.12);
            Assert.Equal(1, flow.TimeToFirstToken.Percentile(0.5) / exact.TimeToFirstToken.Percentile(0.5), 0.25);
        }
    }

    [Fact]
    public void ASmallPoolIsFeltTheSameByBoth()
    {
        ClusterReport Run(ReplicaKind kind) => ClusterSimulation.Run(
            Cluster(4, kind, 4_000) with { Engine = new ClusterOptions().Engine with { BlockCount = 768 } });

        var (exact, flow) = (Run(ReplicaKind.Scheduler), Run(ReplicaKind.Flow));
        Assert.True(exact.HitShare < 0.9 * exact.PossibleHitShare);
        Assert.Equal(exact.HitShare, flow.HitShare, 0.06);
    }

    [Fact]
    public void ByPrefixMostOfWhatIsPossibleIsFound()
    {
        ClusterReport Run(RouterKind policy) => ClusterSimulation.Run(
            Cluster(8, ReplicaKind.Scheduler, 12_000) with { Policy = policy });

        var (prefix, roundRobin) = (Run(RouterKind.Prefix), Run(RouterKind.RoundRobin));
        Assert.True(prefix.HitShare > 0.97 * prefix.PossibleHitShare, $"{prefix.HitShare}");
        Assert.True(roundRobin.HitShare < 0.75 * roundRobin.PossibleHitShare, $"{roundRobin.HitShare}");
        Assert.True(prefix.TimeToFirstToken.Percentile(0.99) < roundRobin.TimeToFirstToken.Percentile(0.99) * 0.6);
        Assert.True(prefix.Imbalance < 1.15, $"{prefix.Imbalance}");
    }

    [Fact]
    public void StickyRoutersKeepTheHitsAndOthersDoNot()
    {
        ClusterReport Run(int routers, bool sticky) => ClusterSimulation.Run(
            Cluster(8, ReplicaKind.Flow, 12_000) with { Routers = routers, IsSticky = sticky });

        var one = Run(1, true).HitShare;
        var sticky = Run(8, true).HitShare;
        var scattered = Run(8, false).HitShare;
        Assert.True(sticky > 0.95 * one, $"{one}, {sticky}");
        Assert.True(scattered < 0.85 * one, $"{one}, {scattered}");
    }

    [Fact]
    public void OneRouterNeedsNoFreshProbes()
    {
        ClusterReport Run(double probes) => ClusterSimulation.Run(
            Cluster(16, ReplicaKind.Flow, 8_000) with { ProbeSeconds = probes });

        var (fresh, old) = (Run(0), Run(0.25));
        Assert.Equal(fresh.HitShare, old.HitShare, 0.005);
        Assert.Equal(1, old.TimeToFirstToken.Percentile(0.99) / fresh.TimeToFirstToken.Percentile(0.99), 0.1);
    }

    [Fact]
    public void ALostRackIsResumedElsewhereWithinASecond()
    {
        var report = ClusterSimulation.Run(
            Cluster(40, ReplicaKind.Scheduler, 8_000) with { RackLoss = (25, 0.1), RestartSeconds = 1_000 });
        Assert.Equal(8_000, report.Completed);
        Assert.InRange(report.Resumed, 4, 80);
        Assert.True(report.Gaps.Percentile(0.99) < 1, $"{report.Gaps.Percentile(0.99)} s");
    }

    [Fact]
    public void ASlowReplicaHarmsFewRequests()
    {
        ClusterReport Run((double, double)? slow) => ClusterSimulation.Run(
            Cluster(100, ReplicaKind.Flow, 20_000) with { Slow = slow });

        var (healthy, ill) = (Run(null), Run((0.01, 4)));
        Assert.True(
            ill.TimeToFirstToken.Percentile(0.95) <= 1.5 * healthy.TimeToFirstToken.Percentile(0.95),
            $"{healthy.TimeToFirstToken.Percentile(0.95)} s, {ill.TimeToFirstToken.Percentile(0.95)} s");
        Assert.Equal(healthy.HitShare, ill.HitShare, 0.01);
    }

    [Fact]
    public void AFlashCrowdOnOneOpeningIsSpread()
    {
        var options = Cluster(40, ReplicaKind.Flow, 12_000);
        var report = ClusterSimulation.Run(
            options with { Chats = options.Chats with { FlashCrowd = (20, 20, 1.5) } });
        Assert.Equal(12_000, report.Completed);
        Assert.True(report.Imbalance < 1.3, $"{report.Imbalance}");
        Assert.True(report.HitShare > 0.95 * report.PossibleHitShare, $"{report.HitShare} of {report.PossibleHitShare}");
    }

    [Fact]
    public void AJoiningReplicaGetsAtLeastHalfItsShare()
    {
        const double joins = 30;
        var simulation = new ClusterSimulation(
            Cluster(4, ReplicaKind.Scheduler, 2_000) with { Join = (joins, 0.25) });
        var before = new int[4];
        while (simulation.Time < joins && simulation.Step())
        {
            before = [.. simulation.FirstTurns];
        }

        while (simulation.Time < joins + 30 && simulation.Step())
        {
        }

        var taken = simulation.FirstTurns.Select((count, replica) => count - before[replica]).ToArray();
        Assert.Equal(0, before[3]);
        Assert.True(taken[3] >= taken.Sum() / 4.0 / 2, string.Join(", ", taken));
    }

    [Fact]
    public void WithoutAReplicaRequestsWaitForOne()
    {
        var report = ClusterSimulation.Run(
            Cluster(1, ReplicaKind.Scheduler, 200) with { RackLoss = (5, 0.99), ReplaceSeconds = 12, RestartSeconds = 3 });
        Assert.Equal(200, report.Completed);
        Assert.True(report.Resumed > 0);
    }

    [Fact]
    public void TenThousandReplicasAreSimulated()
    {
        var report = ClusterSimulation.Run(Cluster(10_000, ReplicaKind.Flow, 60_000) with
        {
            Engine = new ClusterOptions().Engine with { BlockCount = 512 },
            RackLoss = (1, 0.1),
        });
        Assert.Equal(60_000, report.Completed);
        Assert.True(report.Resumed > 100);
    }

    [Fact]
    public void ReplicasThatDieBeforeTheyServeAreRefused()
        => Assert.Contains(
            "replace_seconds",
            Assert.Throws<OptionException>(() => ClusterSimulation.Run(
                Cluster(1, ReplicaKind.Scheduler, 20) with { ReplaceSeconds = 0.1, RestartSeconds = 1 })).Message);

    [Fact]
    public void RequestsOnceADayTakeNoLongerToSimulate()
    {
        var options = Cluster(2, ReplicaKind.Scheduler, 50);
        var report = ClusterSimulation.Run(
            options with { Chats = options.Chats with { RequestsPerSecond = 1e-9 } });
        Assert.Equal(50, report.Completed);
        Assert.InRange(report.Moments.Count, 1, 120);
    }

    [Fact]
    public void RequestsThatComeAllAtOnceAreServed()
    {
        var options = Cluster(2, ReplicaKind.Flow, 2_000);
        var report = ClusterSimulation.Run(
            options with { Chats = options.Chats with { RequestsPerSecond = 1e6 } });
        Assert.Equal(2_000, report.Completed);
        Assert.InRange(report.Moments.Count, 30, 120);
    }

    [Theory]
    [InlineData("replicas", 0, 1)]
    [InlineData("routers", 1, 0)]
    [InlineData("replicas times blocks", 100_000, 1)]
    public void OptionsOutOfTheirLimitsAreRefused(string name, int replicas, int routers)
        => Assert.Contains(
            name,
            Assert.Throws<OptionException>(() => new ClusterSimulation(
                new ClusterOptions { Replicas = replicas, Routers = routers })).Message);

    [Fact]
    public void AConversationThatNoPoolHoldsIsRefused()
        => Assert.Contains(
            "longest conversation",
            Assert.Throws<OptionException>(() => new ClusterSimulation(
                new ClusterOptions { Engine = new SimulationOptions { BlockCount = 10 } })).Message);
}
