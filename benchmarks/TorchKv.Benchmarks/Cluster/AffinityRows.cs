using TorchKv.Benchmarks.Serving;

namespace TorchKv.Benchmarks.Cluster;

/// <summary>How many of the prompts' tokens are found in caches, against one replica that has all chats.</summary>
internal static class AffinityRows
{
    private const int Blocks = 2048;
    private const int AtOnce = 12;

    public static async Task<Figure[]> Hits(int conversations)
    {
        var chats = new Chats(Openings: 8, Turns: 4, AnswerTokens: 24);
        double big;
        await using (var one = await ReplicaSet.StartAsync(1, routers: 0, more: ["--blocks", $"{3 * Blocks}"]))
        {
            big = await HitShareAsync(one, one.Replicas[0].Server.Address);
        }

        double single;
        double requests;
        await using (var set = await ReplicaSet.StartAsync(3, more: ["--blocks", $"{Blocks}"]))
        {
            single = await HitShareAsync(set, set.Router.Address);
            requests = await set.RouterMetricAsync("torchkv_router_requests_total");
        }

        var figures = new List<Figure>
        {
            new(
                "prefix hits of 3 replicas behind one router ÷ of one big replica",
                single / big,
                "≥ 0.95",
                $"{100 * single:0.0} % ÷ {100 * big:0.0} % of the prompts' tokens, {requests} requests"),
        };
        if (EdgeServer.Names.Contains("haproxy"))
        {
            await using (var set = await ReplicaSet.StartAsync(3, routers: 2, more: ["--blocks", $"{Blocks}"]))
            {
                using var edge = await EdgeServer.StartAsync("haproxy", [.. set.Routers.Select(router => router.Port)]);
                var two = await HitShareAsync(set, edge.Address);
                figures.Add(new(
                    "prefix hits behind HAProxy's header hash and 2 routers ÷ of one big replica",
                    two / big,
                    "≥ 0.9",
                    $"{100 * two:0.0} % ÷ {100 * big:0.0} %"));
            }

            await using (var set = await ReplicaSet.StartAsync(3, routers: 0, more: ["--blocks", $"{Blocks}"]))
            {
                using var edge = await EdgeServer.StartAsync("haproxy", [.. set.Replicas.Select(one => one.Port)]);
                var alone = await HitShareAsync(set, edge.Address);
                figures.Add(new(
                    "prefix hits behind HAProxy's header hash alone ÷ of one big replica",
                    alone / big,
                    "",
                    $"{100 * alone:0.0} % ÷ {100 * big:0.0} %"));
            }
        }

        return [.. figures];

        async Task<double> HitShareAsync(ReplicaSet set, Uri address)
        {
            var answers = await chats.HoldAllAsync(address, 0, conversations, AtOnce);
            if (answers.FirstOrDefault(one => !one.Answer.IsWhole).Answer is { } torn)
            {
                throw new InvalidDataException($"A turn failed: {torn.Error}");
            }

            var (hits, queries) = await set.CacheUseAsync();
            return hits / queries;
        }
    }
}
