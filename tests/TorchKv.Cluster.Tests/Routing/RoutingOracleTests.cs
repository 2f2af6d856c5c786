using CsCheck;
using TorchKv.Cluster.Routing;
using TorchKv.Runtime.Paging;

namespace TorchKv.Cluster.Tests.Routing;

/// <summary>Random calls: every choice is one that the slow, obvious policy would make.</summary>
public sealed class RoutingOracleTests
{
    private enum Call
    {
        Request,
        FirstToken,
        End,
        State,
        Probe,
        Restart,
        Remove,
    }

    private static readonly Gen<Call> Calls = Gen.Frequency(
        (12, Gen.Const(Call.Request)),
        (4, Gen.Const(Call.FirstToken)),
        (6, Gen.Const(Call.End)),
        (2, Gen.Const(Call.State)),
        (2, Gen.Const(Call.Probe)),
        (1, Gen.Const(Call.Restart)),
        (1, Gen.Const(Call.Remove)));

    [Fact]
    public void EveryChoiceIsOneOfTheOracles()
    {
        // Powers of two where sums are compared, so that no rounding differs.
        var options = Gen.Select(
            Prompts.OneOf(0.0, 0.25, 1.0),
            Prompts.OneOf(1.0, 1.25),
            Gen.Int[0, 2],
            Prompts.OneOf(1.0, 1.5, 4.0),
            (weight, bound, margin, spread) => new RoutingOptions
            {
                BlockSize = Prompts.BlockSize,
                LoadWeight = weight,
                LoadBound = bound,
                LoadMargin = margin,
                NewConversationSpread = spread,
                PrefillTokensPerRequest = 8,
                HolderCandidates = 64,
                RandomCandidates = 1,
            });
        var call = Gen.Select(Calls, Gen.Int[0, 1000], Gen.Char["ab"].Array[0, 14]);
        Gen.Select(options, call.List[1, 150]).Sample((o, calls) => Run(o, calls), iter: 400);
    }

    private static void Run(RoutingOptions options, List<(Call, int, char[])> calls)
    {
        var policy = new RoutingPolicy(options);
        var oracle = new RoutingOracle(options);
        var running = new List<(RoutedRequest Request, string Text)>();
        for (var i = 0; i < 4; i++)
        {
            AddReplica(policy, oracle, 3 * (i + 1));
        }

        foreach (var (what, number, letters) in calls)
        {
            var text = new string(letters);
            var replica = oracle.Replicas.Keys.ElementAt(number % oracle.Replicas.Count);
            var started = running.Count == 0 ? default : running[number % running.Count];
            switch (what)
            {
                case Call.Request:
                    Request(policy, oracle, running, text, excluded: number % 3 == 0 ? [replica] : []);
                    break;
                case Call.FirstToken when started.Request is not null:
                    policy.FirstToken(started.Request);
                    Change(oracle, started.Request, prefill => [(started.Request, 0)]);
                    break;
                case Call.End when started.Request is not null:
                    var blocks = Prompts.Digests(started.Text + text);
                    policy.End(started.Request, blocks);
                    running.Remove(started);
                    if (Change(oracle, started.Request, _ => []))
                    {
                        oracle.Use(started.Request.Replica, blocks);
                    }

                    break;
                case Call.State:
                    var state = (ReplicaState)(number / 10 % 3);
                    policy.SetState(replica, state);
                    oracle.SetReady(replica, state == ReplicaState.Ready);
                    break;
                case Call.Probe:
                    policy.Probed(replica, number % 7);
                    oracle.Replicas[replica].Others
                        = Math.Max(0, (number % 7) - oracle.Replicas[replica].Requests.Count);
                    break;
                case Call.Restart:
                    policy.Restart(replica, number % 20);
                    oracle.Restart(replica, number % 20);
                    break;
                case Call.Remove:
                    policy.Remove(replica);
                    oracle.Restart(replica, 0);
                    oracle.Replicas.Remove(replica);
                    AddReplica(policy, oracle, 2 + (number % 9));
                    break;
            }

            Assert.Equal(oracle.Replicas.Values.Count(each => each.Ready), policy.ReadyCount);
            Assert.Equal(oracle.Replicas.Values.SelectMany(each => each.Blocks).Distinct().Count(), policy.KnownBlocks);
        }
    }

    private static void AddReplica(RoutingPolicy policy, RoutingOracle oracle, int pool)
    {
        var number = policy.Add($"replica {pool}", pool);
        oracle.Replicas.Add(number, new RoutingOracle.Replica { Pool = pool });
        policy.SetState(number, ReplicaState.Ready);
        oracle.SetReady(number, true);
    }

    private static void Request(
        RoutingPolicy policy,
        RoutingOracle oracle,
        List<(RoutedRequest, string)> running,
        string text,
        int[] excluded)
    {
        var blocks = Prompts.Digests(text);
        var usable = blocks[..(Math.Max(0, text.Length - 1) / Prompts.BlockSize)];
        var allowed = oracle.Choices(usable, excluded);
        var found = policy.TryChoose(blocks, text.Length, excluded, out var choice);
        Assert.Equal(allowed.Count > 0, found);
        if (!found)
        {
            return;
        }

        Assert.Contains(choice.Replica, allowed);
        var chosen = oracle.Replicas[choice.Replica];
        var matched = RoutingOracle.Matched(chosen, usable);
        Assert.Equal(
            new RouteChoice(choice.Replica, text.Length, matched, oracle.IsNew(usable)), choice);
        var request = policy.Start(choice, blocks);
        chosen.Requests.Add((request, text.Length - (matched * Prompts.BlockSize)));
        if (choice.IsNewConversation)
        {
            oracle.Took(choice.Replica);
        }

        oracle.Use(choice.Replica, blocks);
        running.Add((request, text));
    }

    private static bool Change(
        RoutingOracle oracle, RoutedRequest request, Func<int, List<(RoutedRequest, int)>> with)
    {
        if (!oracle.Replicas.TryGetValue(request.Replica, out var replica))
        {
            return false;
        }

        var place = replica.Requests.FindIndex(each => each.Request == request);
        if (place < 0)
        {
            return false;
        }

        var prefill = replica.Requests[place].Prefill;
        replica.Requests.RemoveAt(place);
        replica.Requests.InsertRange(place, with(prefill));
        return true;
    }
}
