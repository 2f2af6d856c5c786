using System.Diagnostics;
using TorchKv.Benchmarks.Measuring;

namespace TorchKv.Benchmarks.Cluster;

/// <summary>Replicas and, where a row wants them, routers before them.</summary>
internal sealed class ReplicaSet : IAsyncDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private readonly HttpClient _client = new();
    private readonly List<ChildServer> _routers = [];

    private ReplicaSet(ReplicaProcess[] replicas, string model) => (Replicas, Model) = (replicas, model);

    public string Model { get; }

    public ReplicaProcess[] Replicas { get; }

    public IReadOnlyList<ChildServer> Routers => _routers;

    /// <summary>The only router, or the first.</summary>
    public ChildServer Router => _routers[0];

    /// <summary>The small model that is in the repository.</summary>
    public static string Storyteller => RepositoryFolder.At("weights", "storyteller");

    /// <summary>Starts replicas and routers.</summary>
    /// <param name="count">Replicas that are started.</param>
    /// <param name="routers">Routers that are started.</param>
    /// <param name="spare">Replicas that the routers know and that are started later, if at all.</param>
    /// <param name="more">More options of each replica.</param>
    public static async Task<ReplicaSet> StartAsync(int count, int routers = 1, int spare = 0, params string[] more)
    {
        var set = new ReplicaSet(
            [.. Enumerable.Range(1, count + spare).Select(i => new ReplicaProcess($"replica-{i}", Storyteller, more))],
            Storyteller);
        try
        {
            await Task.WhenAll(set.Replicas.Take(count).Select(replica => replica.StartAsync()));
            for (var i = 0; i < routers; i++)
            {
                await set.AddRouterAsync();
            }
        }
        catch
        {
            await set.DisposeAsync();
            throw;
        }

        await set.UpAsync(count);
        return set;
    }

    /// <summary>Starts one more router.</summary>
    public async Task<ChildServer> AddRouterAsync(params string[] more)
    {
        var port = ChildServer.FreePort();
        var router = await ChildServer.StartAsync(
            port,
            ReplicaProcess.Program,
            [
                "serve", "--role", "router", "--replicas", string.Join(',', Replicas.Select(r => r.InternalAddress)),
                "--model", Model, "--port", $"{port}", .. more,
            ]);
        _routers.Add(router);
        await router.ReadyAsync();
        return router;
    }

    /// <summary>Starts a replica that has ended, and waits until every router has it.</summary>
    public async Task RestartAsync(ReplicaProcess replica)
    {
        await replica.StartAsync();
        await UpAsync(Replicas.Count(r => r == replica || !r.Server.HasExited));
    }

    /// <summary>Waits until every router gives requests to this many replicas.</summary>
    public async Task UpAsync(int count)
    {
        foreach (var router in _routers.Where(router => !router.HasExited))
        {
            var began = Stopwatch.GetTimestamp();
            while ((int)await RouterMetricAsync(router, "torchkv_router_replicas_up") != count)
            {
                if (Stopwatch.GetElapsedTime(began) > s_limit)
                {
                    throw new InvalidDataException($"A router did not find {count} replicas in time.");
                }

                await Task.Delay(50);
            }
        }
    }

    /// <summary>The sum of a metric over the routers that live.</summary>
    public async Task<double> RouterMetricAsync(string metric)
    {
        var sum = 0.0;
        foreach (var router in _routers.Where(router => !router.HasExited))
        {
            sum += await RouterMetricAsync(router, metric);
        }

        return sum;
    }

    /// <summary>How many of the prompt tokens the replicas had in their caches, and how many there were.</summary>
    public async Task<(double Hits, double Queries)> CacheUseAsync(IEnumerable<ReplicaProcess>? of = null)
    {
        var (hits, queries) = (0.0, 0.0);
        foreach (var replica in of ?? Replicas)
        {
            hits += await replica.MetricAsync("vllm:prefix_cache_hits_total");
            queries += await replica.MetricAsync("vllm:prefix_cache_queries_total");
        }

        return (hits, queries);
    }

    public ValueTask DisposeAsync()
    {
        foreach (var router in _routers)
        {
            router.Dispose();
        }

        foreach (var replica in Replicas)
        {
            replica.Dispose();
        }

        _client.Dispose();
        return ValueTask.CompletedTask;
    }

    private Task<double> RouterMetricAsync(ChildServer router, string metric) =>
        Prometheus.ReadAsync(_client, router.Address, metric);
}
