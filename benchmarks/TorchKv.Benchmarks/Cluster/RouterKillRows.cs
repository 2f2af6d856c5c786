using TorchKv.Benchmarks.Serving;

namespace TorchKv.Benchmarks.Cluster;

/// <summary>kill -9 of one of two routers behind HAProxy, whose clients come back for the rest.</summary>
internal static class RouterKillRows
{
    public static async Task<Figure[]> Kill(int streams, int tokens, int rounds, string? postgres)
    {
        string[] journal = postgres is null ? [] : ["--postgres", postgres];
        await using var set = await ReplicaSet.StartAsync(3, routers: 0);
        using var direct = new ClusterClient(set.Replicas[0].Server.Address);
        var expected = await direct.ReadAllAsync(FaultRequests.Of(streams, tokens));
        var (equal, returned) = (0, 0);
        var errors = new List<string>();
        var gaps = new List<double>();
        for (var round = 0; round < rounds; round++)
        {
            var first = await set.AddRouterAsync(journal);
            var second = await set.AddRouterAsync(journal);
            await set.UpAsync(3);
            using var edge = await EdgeServer.StartAsync("haproxy", [first.Port, second.Port]);
            var result = await FaultRound.RunAsync(
                edge.Address,
                FaultRequests.Of(streams, tokens, idempotencyKeys: true),
                expected.Sum(answer => answer.Events) / 4,
                () =>
                {
                    first.Send(UnixSignal.Kill);
                    return Task.FromResult<IReadOnlyList<string>>([]);
                },
                expected);
            second.Dispose();
            equal += result.Equal;
            returned += result.Answers.Count(answer => answer.Returns > 0);
            gaps.AddRange(result.Answers.Where(answer => answer.Returns > 0).Select(answer => answer.WorstGap));
            errors.AddRange(result.Answers.Select(answer => answer.Error).OfType<string>());
            Console.Error.WriteLine($"    router killed: {result.Equal}/{streams} equal");
        }

        var total = rounds * streams;
        var common = errors.GroupBy(text => text).MaxBy(group => group.Count())?.Key;
        return
        [
            new(
                "kill -9 of one of 2 routers: share of streams whole and equal",
                (double)equal / total,
                "≥ 1",
                $"{equal} of {total} equal, {returned} clients came back with Last-Event-ID, "
                    + $"{(postgres is null ? "no database" : "token log in PostgreSQL")}"
                    + (common is null ? "" : $"; {errors.Count} errors: {common}")),
            new(
                "kill -9 of one of 2 routers: silence of returned streams, worst, s",
                gaps.Count == 0 ? double.NaN : gaps.Max(),
                "",
                "the client waits 0.1 s before it comes back"),
        ];
    }
}
