using CsCheck;
using TorchKv.Cluster.Routing;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Cluster.Tests.Routing;

public sealed class RoutingPolicyTests
{
    private const string Opening = "You are a storyteller.  ";

    private static RoutingPolicy Policy(int replicas, RoutingOptions? options = null, int pool = 1000, int first = 0)
    {
        var policy = new RoutingPolicy((options ?? new RoutingOptions()) with { BlockSize = Prompts.BlockSize });
        for (var i = 0; i < replicas; i++)
        {
            policy.SetState(policy.Add($"replica {(first + i) % replicas}", pool), ReplicaState.Ready);
        }

        return policy;
    }

    private static RouteChoice Choose(RoutingPolicy policy, string text, params int[] excluded)
    {
        Assert.True(policy.TryChoose(Prompts.Digests(text), text.Length, excluded, out var choice));
        return choice;
    }

    private static RoutedRequest Start(RoutingPolicy policy, string text, out RouteChoice choice)
    {
        choice = Choose(policy, text);
        return policy.Start(choice, Prompts.Digests(text));
    }

    private static int Served(RoutingPolicy policy, string text)
    {
        policy.End(Start(policy, text, out var choice), Prompts.Digests(text));
        return choice.Replica;
    }

    [Fact]
    public void AConversationStaysWhereItsTurnsAre()
    {
        var policy = Policy(8);
        var chats = Enumerable.Range(0, 40).Select(i => $"chat {i:00} ").ToArray();
        var places = chats.Select(chat => Served(policy, chat)).ToArray();
        for (var turn = 1; turn < 5; turn++)
        {
            chats = [.. chats.Select(chat => chat + "next turn ")];
            Assert.Equal(places, chats.Select(chat => Served(policy, chat)));
        }

        Assert.Equal(8, places.Distinct().Count());
    }

    [Fact]
    public void PromptsWithoutAHitTakeTurns()
    {
        var policy = Policy(5);
        var places = Enumerable.Range(0, 50).Select(i => Served(policy, $"{i:00} text")).ToArray();
        Assert.All(places.CountBy(place => place), count => Assert.Equal(10, count.Value));
    }

    [Fact]
    public void ANewReplicaGetsItsShareOfConversationsWithAKnownOpening()
    {
        var policy = Policy(3);
        for (var i = 0; i < 200; i++)
        {
            Served(policy, $"{Opening}{i:000} first");
        }

        var joined = policy.Add("replica 3", 1000);
        policy.SetState(joined, ReplicaState.Ready);
        var taken = Enumerable.Range(200, 400).Count(i => Served(policy, $"{Opening}{i:000} first") == joined);
        Assert.InRange(taken, 400 / 4 / 2, 400);
    }

    [Fact]
    public void AnOpeningThatAllShareDoesNotCrowdOneReplica()
    {
        var policy = Policy(4);
        var places = Enumerable.Range(0, 400).Select(i => Served(policy, $"{Opening}{i:000} first")).ToArray();
        Assert.All(places.CountBy(place => place), count => Assert.InRange(count.Value, 50, 250));
        Assert.Equal(4, places.Distinct().Count());
    }

    [Fact]
    public void AHolderAboveTheBoundIsPassedOver()
    {
        var policy = Policy(4);
        var home = Served(policy, "a long text that one replica has ");
        var requests = new List<RouteChoice>();
        for (var i = 0; i < 40; i++)
        {
            Start(policy, "a long text that one replica has ", out var choice);
            requests.Add(choice);
            var (most, mean) = (Enumerable.Range(0, 4).Max(policy.RequestsOf), (i + 1) / 4.0);
            Assert.True(most <= Math.Ceiling(1.25 * mean) + 4, $"{most} requests on one replica, {mean} in the mean.");
        }

        Assert.All(requests.Take(4), choice => Assert.Equal(home, choice.Replica));
        Assert.Contains(requests, choice => choice.Replica != home);
    }

    [Fact]
    public void WithoutAMarginNoLoadIsAboveTheBoundOfMirrokni()
    {
        const int replicas = 100;
        var policy = Policy(replicas, new RoutingOptions { LoadMargin = 0, PrefillTokensPerRequest = 1_000_000 });
        for (var i = 0; i < 20 * replicas; i++)
        {
            // Half of the requests want the same replica.
            Start(policy, i % 2 == 0 ? "the same text for all " : $"{i:00000} text", out _);
        }

        var loads = Enumerable.Range(0, replicas).Select(policy.RequestsOf).ToArray();
        Assert.Equal(20 * replicas, loads.Sum());
        Assert.True(loads.Max() <= 25, $"{loads.Max()} requests on one replica; the bound is 25.");
    }

    [Theory]
    [InlineData(ReplicaState.Draining)]
    [InlineData(ReplicaState.Down)]
    public void AReplicaThatTakesNoRequestsIsNotChosen(int state)
    {
        var policy = Policy(3);
        var home = Served(policy, "some text");
        policy.SetState(home, (ReplicaState)state);
        Assert.All(Enumerable.Range(0, 50), _ => Assert.NotEqual(home, Served(policy, "some text")));
        policy.SetState(home, ReplicaState.Ready);
        Assert.Contains(Enumerable.Range(0, 50), _ => Served(policy, "another text") == home);
    }

    [Fact]
    public void ExcludedReplicasAreNeverChosen()
    {
        var policy = Policy(3);
        var home = Served(policy, "some text");
        var second = Choose(policy, "some text", home).Replica;
        Assert.NotEqual(home, second);
        var third = Choose(policy, "some text", home, second).Replica;
        Assert.Equal([0, 1, 2], new[] { home, second, third }.Order());
        Assert.False(policy.TryChoose(Prompts.Digests("some text"), 9, [0, 1, 2], out _));
        Assert.Equal(home, Choose(policy, "some text").Replica);
    }

    [Fact]
    public void WithoutReplicasNothingIsChosen()
    {
        var policy = Policy(0);
        Assert.False(policy.TryChoose([], 1, [], out _));
        var replica = policy.Add("a", 10);
        Assert.False(policy.TryChoose([], 1, [], out _));
        policy.SetState(replica, ReplicaState.Ready);
        Assert.True(policy.TryChoose([], 1, [], out _));
        policy.Remove(replica);
        Assert.False(policy.TryChoose([], 1, [], out _));
    }

    [Fact]
    public void AReplicaThatRestartedHasNoPrefixesAndNoLoad()
    {
        var policy = Policy(2);
        var request = Start(policy, "some text", out var choice);
        policy.Restart(choice.Replica, 1000);
        Assert.Equal((0, 0), (policy.BlocksOf(choice.Replica), policy.RequestsOf(choice.Replica)));
        Assert.Equal(0, Choose(policy, "some text").MatchedBlocks);
        policy.FirstToken(request);
        policy.End(request, Prompts.Digests("some text"));
        Assert.Equal((0, 0), (policy.BlocksOf(choice.Replica), policy.RequestsOf(choice.Replica)));
    }

    [Fact]
    public void ARequestEndsOnce()
    {
        var policy = Policy(1);
        var (first, _) = (Start(policy, "some text", out _), Start(policy, "another text", out _));
        policy.End(first, []);
        policy.End(first, []);
        Assert.Equal(1, policy.RequestsOf(0));
    }

    [Fact]
    public void AProbeAddsWhatOthersGave()
    {
        var policy = Policy(2, new RoutingOptions { LoadMargin = 0 });
        var request = Start(policy, "some text", out var choice);
        policy.Probed(choice.Replica, 9);
        Assert.Equal(9, policy.RequestsOf(choice.Replica));
        Assert.NotEqual(choice.Replica, Choose(policy, "some text").Replica);
        policy.End(request, []);
        Assert.Equal(8, policy.RequestsOf(choice.Replica));
        policy.Probed(choice.Replica, 0);
        Assert.Equal(0, policy.RequestsOf(choice.Replica));
    }

    [Fact]
    public void GeneratedTokensCountAsAPrefixOfTheNextTurn()
    {
        var policy = Policy(2);
        policy.End(Start(policy, "Question?", out _), Prompts.Digests("Question? Answer."));
        Assert.Equal(8, Choose(policy, "Question? Answer. And?").MatchedBlocks);
    }

    [Fact]
    public void TheLastTokenIsAlwaysComputed()
    {
        var policy = Policy(1);
        Served(policy, "aabb");
        Assert.Equal(1, Choose(policy, "aabb").MatchedBlocks);
        Assert.Equal(2, Choose(policy, "aabbc").MatchedBlocks);
    }

    [Fact]
    public void RoutersThatNumberReplicasOtherwiseAgreeAmongEquals()
    {
        // Both know that every replica has the opening; neither has seen the conversations.
        var routers = new[] { Policy(4, first: 0), Policy(4, first: 2) };
        foreach (var router in routers)
        {
            for (var i = 0; i < 400; i++)
            {
                Served(router, $"{Opening}{i:000} first");
            }
        }

        var names = routers
            .Select((router, r) => Enumerable.Range(0, 50)
                .Select(i => (Choose(router, $"{Opening}{i} unseen").Replica + (2 * r)) % 4)
                .ToArray())
            .ToArray();
        Assert.Equal(names[0], names[1]);
        Assert.Equal(4, names[0].Distinct().Count());
    }

    [Fact]
    public void TheSameCallsGiveTheSameChoices()
        => Gen.Select(Gen.Char["abc"].Array[0, 9].List[1, 200], Gen.ULong).Sample((texts, seed) =>
        {
            var options = new RoutingOptions { Seed = seed, HolderCandidates = 2 };
            var (one, other) = (Policy(9, options, pool: 5), Policy(9, options, pool: 5));
            foreach (var text in texts)
            {
                Start(one, new string(text), out var choice);
                Start(other, new string(text), out var same);
                Assert.Equal(choice, same);
            }
        });

    [Fact]
    public void MemoryIsBoundedByThePools()
    {
        var policy = Policy(10, pool: 20);
        for (var i = 0; i < 5000; i++)
        {
            Served(policy, $"{i:000000} a text of its own");
        }

        Assert.Equal(200, Enumerable.Range(0, 10).Sum(policy.BlocksOf));
        Assert.InRange(policy.KnownBlocks, 100, 200);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(65_537)]
    public void AnOptionOutOfItsLimitsIsRefused(int blockSize)
        => Assert.Contains(
            "block_size",
            Assert.Throws<OptionException>(() => new RoutingPolicy(new RoutingOptions { BlockSize = blockSize })).Message);
}
