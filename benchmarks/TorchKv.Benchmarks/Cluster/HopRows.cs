using TorchKv.Benchmarks.Measuring;
using TorchKv.Benchmarks.Serving;

namespace TorchKv.Benchmarks.Cluster;

/// <summary>
/// What a hop costs a token: 64 streams of 50 tokens a second, from three replicas that compute nothing.
/// </summary>
internal static class HopRows
{
    private const int Streams = 64;
    private const int Replicas = 3;

    public static async Task<Figure[]> Cost(int tokens, int warm, int rounds)
    {
        var ports = Enumerable.Range(0, Replicas)
            .Select(_ => (Public: ChildServer.FreePort(), Internal: ChildServer.FreePort()))
            .ToArray();
        var replicas = new List<ChildServer>();
        var hops = new List<Hop>();
        try
        {
            foreach (var (port, inside) in ports)
            {
                replicas.Add(await ChildServer.StartAsync(
                    port,
                    Path.Combine(AppContext.BaseDirectory, "TorchKv.Benchmarks"),
                    PacedReplicaCommand.CommandName, "--port", $"{port}", "--internal-port", $"{inside}"));
                await replicas[^1].ReadyAsync();
            }

            foreach (var name in EdgeServer.Names)
            {
                var edge = await EdgeServer.StartAsync(name, [.. ports.Select(pair => pair.Public)]);
                hops.Add(new Hop(name, edge, edge.Address));
            }

            var routerPort = ChildServer.FreePort();
            var router = await ChildServer.StartAsync(
                routerPort,
                ReplicaProcess.Program,
                "serve", "--role", "router", "--port", $"{routerPort}", "--model", ReplicaSet.Storyteller,
                "--model-name", "m",
                "--replicas", string.Join(',', ports.Select(pair => $"http://127.0.0.1:{pair.Internal}")));
            hops.Add(new Hop("router", router, router.Address));
            await router.ReadyAsync();
            hops.Insert(0, new Hop("direct", null, [.. replicas.Select(replica => replica.Address)]));
            foreach (var hop in hops)
            {
                // The runtime compiles what is called often; a server that runs for long has that behind it.
                for (var i = 0; i < warm; i++)
                {
                    await hop.ReadAsync(tokens, seed: i + 1, isCounted: false);
                }
            }

            // In turns, so that a machine that slows down favours none.
            for (var round = 0; round < rounds; round++)
            {
                foreach (var hop in hops)
                {
                    await hop.ReadAsync(tokens, seed: round + 1 + warm, isCounted: true);
                }
            }
        }
        finally
        {
            hops.ForEach(hop => hop.Server?.Dispose());
            replicas.ForEach(replica => replica.Dispose());
        }

        return [.. hops.SelectMany(hop => hop.Figures(hops[0]))];
    }

    private sealed class Hop(string name, ChildServer? server, params IReadOnlyList<Uri> addresses)
    {
        private readonly List<double> _medians = [];
        private readonly List<double> _tails = [];
        private readonly List<double> _costs = [];

        public ChildServer? Server => server;

        public async Task ReadAsync(int tokens, int seed, bool isCounted)
        {
            using var reader = new PacedReader(addresses);
            var before = Server?.ProcessorSeconds ?? 0;
            var times = await reader.ReadAllAsync(Streams, tokens, seed);
            var cost = ((Server?.ProcessorSeconds ?? 0) - before) * 1e6 / (Streams * tokens);
            if (isCounted)
            {
                Array.Sort(times);
                _medians.Add(times[times.Length / 2]);
                _tails.Add(times[(int)(0.99 * (times.Length - 1))]);
                _costs.Add(cost);
                Console.Error.WriteLine(
                    $"    {name}: p50 {_medians[^1]:0} µs, p99 {_tails[^1]:0} µs, processor {cost:0.0} µs a token");
            }
        }

        public IEnumerable<Figure> Figures(Hop direct)
        {
            var isOurs = name == "router";
            var (median, tail) = (Statistics.Median(_medians), Statistics.Median(_tails));
            if (Server is null)
            {
                yield return new Figure(
                    "a token's way without a hop, p50, ms", median / 1000, "", $"p99 {tail / 1000:0.00} ms");
                yield break;
            }

            yield return new Figure(
                $"hop through {name}: added to a token's way, p50, ms",
                (median - Statistics.Median(direct._medians)) / 1000,
                isOurs ? "≤ 0.5" : "",
                $"p50 {median / 1000:0.00} ms, p99 {tail / 1000:0.00} ms");
            yield return new Figure(
                $"hop through {name}: processor time a token, µs",
                Statistics.Median(_costs),
                isOurs ? "≤ 60" : "",
                $"{Streams} streams of 50 tokens a second");
        }
    }
}
