using System.Diagnostics;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Benchmarks.Serving;

namespace TorchKv.Benchmarks.Cluster;

/// <summary>What streams see when replicas are killed, stopped and started again.</summary>
internal sealed class KillRows(int streams, int tokens, int seed)
{
    private static readonly TimeSpan s_stop = TimeSpan.FromSeconds(6);
    private readonly Random _random = new(seed);

    /// <summary>kill -9 of one of three replicas, at a random token; a quarter of the rounds with drafts.</summary>
    public async Task<Figure[]> Kill(int rounds)
    {
        var drafted = Math.Max(1, rounds / 4);
        return
        [
            .. await KillOneAsync("kill -9 of one of 3", Math.Max(1, rounds - drafted), []),
            .. await KillOneAsync("the same with speculative decoding", drafted, ["--prompt-lookup"]),
        ];
    }

    /// <summary>kill -9 of two of three, a second apart.</summary>
    public Task<Figure[]> KillAllButOne(int rounds) =>
        KillTwoAsync("kill -9 of all but one", rounds, () => TimeSpan.FromSeconds(1), gap: 1);

    /// <summary>kill -9 of a second replica while the streams of the first are being resumed.</summary>
    public Task<Figure[]> KillDuringResume(int rounds) =>
        KillTwoAsync("kill -9 during a resume", rounds, () => TimeSpan.FromMilliseconds(_random.Next(10, 300)), gap: 1);

    /// <summary>A replica that is stopped for 6 s and then continues.</summary>
    public async Task<Figure[]> Stop(int rounds)
    {
        await using var set = await StartAsync();
        var expected = await ExpectedAsync(set);
        var tally = new FaultTally("SIGSTOP of one of 3 for 6 s");
        var beyond = new List<double>();
        var held = 0.0;
        for (var i = 0; i < rounds; i++)
        {
            var victim = Pick(set);
            Task? woken = null;
            var round = await RoundAsync(set, expected, () =>
            {
                victim.Server.Send(UnixSignal.Stop);
                woken = WakeAsync(victim);
                return Task.FromResult<IReadOnlyList<string>>([victim.Name]);
            });
            tally.Add(round);
            beyond.AddRange(round.Cut.Select(
                answer => answer.GapAfter(round.HitAt) - Math.Max(1.5, 10 * answer.MedianGap)));
            await woken!;
            await Task.Delay(TimeSpan.FromSeconds(2));
            held += await victim.MetricAsync("vllm:num_requests_running")
                + await victim.MetricAsync("vllm:kv_cache_usage_perc");
            await set.UpAsync(3);
        }

        return
        [
            tally.Equal(),
            new(
                "SIGSTOP: silence of cut streams beyond the stall limit, worst, s",
                beyond.Count == 0 ? double.NaN : beyond.Max(),
                "≤ 1",
                "the limit is 1.5 s or 10 times the stream's median gap"),
            new(
                "SIGSTOP: requests and share of blocks that the woken replica still has",
                held,
                "≤ 0",
                "2 s after it was continued"),
        ];

        static async Task WakeAsync(ReplicaProcess victim)
        {
            await Task.Delay(s_stop);
            victim.Server.Send(UnixSignal.Continue);
        }
    }

    /// <summary>Streams without a fault, beside a process that keeps a core busy.</summary>
    public async Task<Figure[]> FalseAlarms(int rounds)
    {
        await using var set = await StartAsync();
        var expected = await ExpectedAsync(set);
        var tally = new FaultTally("no fault, one core busy");
        using (new SpinningProcess())
        {
            for (var i = 0; i < rounds; i++)
            {
                tally.Add(await RoundAsync(set, expected, () => Task.FromResult<IReadOnlyList<string>>([])));
            }
        }

        return
        [
            tally.Equal(),
            new(
                "no fault, one core busy: streams that were moved",
                await set.RouterMetricAsync("torchkv_router_resumes_total"),
                "≤ 0",
                $"{rounds * streams} streams"),
        ];
    }

    /// <summary>kill -9 of a replica behind a proxy that cannot resume a stream.</summary>
    public async Task<Figure[]> Peers(int rounds)
    {
        var figures = new List<Figure>();
        await using var set = await ReplicaSet.StartAsync(3, routers: 0);
        var expected = await ExpectedAsync(set);
        foreach (var name in EdgeServer.Names)
        {
            using var edge = await EdgeServer.StartAsync(name, [.. set.Replicas.Select(replica => replica.Port)]);
            var complete = new List<int>();
            var reasons = new List<string>();
            for (var i = 0; i < rounds; i++)
            {
                var victim = Pick(set);
                var round = await FaultRound.RunAsync(
                    edge.Address,
                    FaultRequests.Of(streams, tokens),
                    Point(expected),
                    () =>
                    {
                        victim.Server.Send(UnixSignal.Kill);
                        return Task.FromResult<IReadOnlyList<string>>([victim.Name]);
                    },
                    expected);
                complete.Add(round.Complete);
                reasons.AddRange(round.Answers.Select(answer => answer.Error).OfType<string>());
                Console.Error.WriteLine($"    {name}: {round.Complete}/{streams} complete");
                await victim.StartAsync();
                await Task.Delay(TimeSpan.FromSeconds(2));
            }

            var common = reasons.GroupBy(text => text).MaxBy(group => group.Count())?.Key ?? "no error";
            figures.Add(new Figure(
                $"kill -9 of one of 3 behind {name}: share of streams whole",
                (double)complete.Sum() / (rounds * streams),
                "",
                $"{string.Join(", ", complete)} of {streams}; {common}"));
        }

        return [.. figures];
    }

    private async Task<Figure[]> KillOneAsync(string name, int rounds, string[] more)
    {
        await using var set = await ReplicaSet.StartAsync(3, more: more);
        var expected = await ExpectedAsync(set);
        var tally = new FaultTally(name);
        for (var i = 0; i < rounds; i++)
        {
            var victim = Pick(set);
            tally.Add(await RoundAsync(set, expected, () =>
            {
                victim.Server.Send(UnixSignal.Kill);
                return Task.FromResult<IReadOnlyList<string>>([victim.Name]);
            }));
            await set.RestartAsync(victim);
        }

        return [tally.Equal(), tally.Gap(1)];
    }

    private async Task<Figure[]> KillTwoAsync(string name, int rounds, Func<TimeSpan> apart, double gap)
    {
        await using var set = await StartAsync();
        var expected = await ExpectedAsync(set);
        var tally = new FaultTally(name);
        for (var i = 0; i < rounds; i++)
        {
            var victims = set.Replicas.ToArray();
            _random.Shuffle(victims);
            victims = victims[..2];
            tally.Add(await RoundAsync(set, expected, async () =>
            {
                victims[0].Server.Send(UnixSignal.Kill);
                await Task.Delay(apart());
                victims[1].Server.Send(UnixSignal.Kill);
                return [.. victims.Select(victim => victim.Name)];
            }));
            await Task.WhenAll(victims.Select(victim => victim.StartAsync()));
            await set.UpAsync(3);
        }

        return [tally.Equal(), tally.Gap(gap)];
    }

    private static Task<ReplicaSet> StartAsync() => ReplicaSet.StartAsync(3);

    private Task<FaultRound> RoundAsync(
        ReplicaSet set, ClusterAnswer[] expected, Func<Task<IReadOnlyList<string>>> fault) => FaultRound.RunAsync(
            set.Router.Address, FaultRequests.Of(streams, tokens), Point(expected), fault, expected);

    /// <summary>The streams as one replica gives them, without a router and without a fault.</summary>
    private async Task<ClusterAnswer[]> ExpectedAsync(ReplicaSet set)
    {
        using var client = new ClusterClient(set.Replicas[0].Server.Address);
        var expected = await client.ReadAllAsync(FaultRequests.Of(streams, tokens));
        return expected.FirstOrDefault(answer => !answer.IsWhole) is { } torn
            ? throw new InvalidDataException($"A stream failed without a fault: {torn.Error}")
            : expected;
    }

    private ReplicaProcess Pick(ReplicaSet set) => set.Replicas[_random.Next(set.Replicas.Length)];

    /// <summary>A random event of all streams' events, but not among the first or the last ones.</summary>
    private int Point(ClusterAnswer[] expected)
    {
        var events = expected.Sum(answer => answer.Events);
        return _random.Next(events / 20, events / 2);
    }
}
