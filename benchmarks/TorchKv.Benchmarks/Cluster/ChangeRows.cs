using System.Collections.Concurrent;
using System.Diagnostics;
using TorchKv.Benchmarks.Serving;

namespace TorchKv.Benchmarks.Cluster;

/// <summary>Replicas that go, come and are slow while requests come all the time.</summary>
internal static class ChangeRows
{
    private const int AtOnce = 24;
    private static readonly Chats s_chats = new(Openings: 8, Turns: 4, AnswerTokens: 40);

    /// <summary>SIGTERM and a new start of each replica in turn, under load.</summary>
    public static async Task<Figure[]> Restart(int rounds)
    {
        await using var set = await ReplicaSet.StartAsync(3);
        using var load = new ConstantLoad(set.Router.Address, s_chats, AtOnce);
        var exits = new List<int>();
        for (var i = 0; i < rounds; i++)
        {
            foreach (var replica in set.Replicas)
            {
                replica.Server.Send(UnixSignal.Terminate);
                exits.Add(await replica.Server.ExitAsync());
                await set.RestartAsync(replica);
            }
        }

        var answers = await load.StopAsync();
        var wrong = answers.Where(one => !one.Answer.IsWhole).ToArray();
        return
        [
            new(
                "rolling restart of 3 replicas under load: errors",
                wrong.Length,
                "≤ 0",
                $"{answers.Count} requests in {rounds} rounds, "
                    + $"{await set.RouterMetricAsync("torchkv_router_resumes_total")} moved before their first token "
                    + $"or resumed, exit codes {string.Join(' ', exits.Distinct())}"
                    + (wrong.Length == 0 ? "" : $"; {wrong[0].Answer.Error}")),
        ];
    }

    /// <summary>A fourth replica joins three under load.</summary>
    public static async Task<Figure[]> Join(TimeSpan before, TimeSpan after)
    {
        await using var set = await ReplicaSet.StartAsync(3, spare: 1);
        using var load = new ConstantLoad(set.Router.Address, s_chats, AtOnce);
        await Task.Delay(before / 2);
        var from = await set.CacheUseAsync(set.Replicas.Take(3));
        await Task.Delay(before / 2);
        var at = await set.CacheUseAsync(set.Replicas.Take(3));
        await set.RestartAsync(set.Replicas[3]);
        load.Forget();
        var joined = await set.CacheUseAsync(set.Replicas.Take(3));
        await Task.Delay(after);
        var to = await set.CacheUseAsync(set.Replicas.Take(3));
        var answers = await load.StopAsync();
        var fresh = answers.Where(one => one.Turn == 0 && one.Answer.IsWhole).ToArray();
        var share = (double)fresh.Count(one => one.Answer.Replica == set.Replicas[3].Name) / fresh.Length;
        var earlier = (at.Hits - from.Hits) / (at.Queries - from.Queries);
        var later = (to.Hits - joined.Hits) / (to.Queries - joined.Queries);
        return
        [
            new(
                "a joining replica's share of new conversations ÷ its fair share",
                share * 4,
                "≥ 0.5",
                $"{100 * share:0.0} % of {fresh.Length} in {after.TotalSeconds:0} s"),
            new(
                "a replica joins: hit share that the others lose, points",
                100 * (earlier - later),
                "≤ 2",
                $"{100 * earlier:0.0} % before, {100 * later:0.0} % after"),
            new(
                "a replica joins: errors",
                answers.Count(one => !one.Answer.IsWhole),
                "≤ 0",
                $"{answers.Count} requests"),
        ];
    }

    /// <summary>One replica of three runs only a part of the time.</summary>
    public static async Task<Figure[]> Slow(TimeSpan time)
    {
        await using var set = await ReplicaSet.StartAsync(3);
        var healthy = await FirstTokensAsync();
        using var slowed = new CancellationTokenSource();
        var slowing = SlowAsync(set.Replicas[0].Server, slowed.Token);
        var slow = await FirstTokensAsync();
        await slowed.CancelAsync();
        await slowing;
        return
        [
            new(
                "one slow replica of 3: p95 time to first token ÷ that of the healthy pool",
                At(slow.Times, 0.95) / At(healthy.Times, 0.95),
                "≤ 1.5",
                $"{1000 * At(slow.Times, 0.95):0} ÷ {1000 * At(healthy.Times, 0.95):0} ms, p50 "
                    + $"{1000 * At(slow.Times, 0.5):0} ÷ {1000 * At(healthy.Times, 0.5):0} ms; it got "
                    + $"{100 * slow.Share:0} % of the requests, before {100 * healthy.Share:0} %; "
                    + "it is stopped for 60 of 80 ms"),
        ];

        async Task<(double[] Times, double Share)> FirstTokensAsync()
        {
            using var load = new ConstantLoad(set.Router.Address, s_chats, AtOnce);
            await Task.Delay(time / 4);
            load.Forget();
            await Task.Delay(time * 3 / 4);
            var answers = (await load.StopAsync()).Where(one => one.Answer.IsWhole).ToArray();
            return (
                [.. answers.Select(one => one.Answer.FirstSeconds).Order()],
                (double)answers.Count(one => one.Answer.Replica == set.Replicas[0].Name) / answers.Length);
        }

        static async Task SlowAsync(ChildServer server, CancellationToken stop)
        {
            while (!stop.IsCancellationRequested)
            {
                server.Send(UnixSignal.Stop);
                await Task.Delay(60, CancellationToken.None);
                server.Send(UnixSignal.Continue);
                await Task.Delay(20, CancellationToken.None);
            }
        }

        static double At(double[] sorted, double share) =>
            sorted.Length == 0 ? double.NaN : sorted[(int)(share * (sorted.Length - 1))];
    }
}
