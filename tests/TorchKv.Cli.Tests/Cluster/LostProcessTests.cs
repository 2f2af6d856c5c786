using System.Globalization;

namespace TorchKv.Cli.Tests.Cluster;

/// <summary>
/// Replicas and routers that die or stall in the middle of streams: every stream is, byte for byte, what one replica
/// alone gives.
/// </summary>
public class LostProcessTests
{
    private const int Streams = 64;
    private const int Tokens = 40;

    // Long enough that every replica still generates when something happens to it.
    private const int LongTokens = 120;

    [Fact]
    public async Task KillingAReplicaUnder64StreamsChangesNoByte()
    {
        using var cluster = await Start();
        await AssertNoByteChanges(cluster, () =>
        {
            cluster.Replicas[1].Send(ServeProcess.KillSignal);
            return Task.CompletedTask;
        });
        Assert.True(await ClusterProcesses.MetricAsync(cluster.Router, "torchkv_router_resumes_total") > 0);
    }

    [Fact]
    public async Task KillingAllReplicasButOneChangesNoByte()
    {
        using var cluster = await Start();
        await AssertNoByteChanges(cluster, async () =>
        {
            // The second dies while the streams of the first are resumed.
            cluster.Replicas[2].Send(ServeProcess.KillSignal);
            await Task.Delay(Random.Shared.Next(300));
            cluster.Replicas[1].Send(ServeProcess.KillSignal);
        });
    }

    [Fact]
    public async Task AStoppedReplicaIsLeftAndFreesBlocksOnWaking()
    {
        using var cluster = await Start();
        await AssertNoByteChanges(cluster, () =>
        {
            cluster.Replicas[0].Send(ServeProcess.StopSignal);
            return Task.CompletedTask;
        });
        Assert.True(
            await ClusterProcesses.MetricAsync(cluster.Router, "torchkv_router_resumes_total{reason=\"stall\"}") > 0);
        cluster.Replicas[0].Send(ServeProcess.ContinueSignal);
        await ClusterProcesses.UntilAsync(async () =>
            await ClusterProcesses.MetricAsync(cluster.Replicas[0], "vllm:num_requests_running") == 0
            && await ClusterProcesses.MetricAsync(cluster.Replicas[0], "vllm:num_requests_waiting{") == 0
            && await ClusterProcesses.MetricAsync(cluster.Replicas[0], "vllm:kv_cache_usage_perc") == 0);
        await ClusterProcesses.UntilAsync(async () =>
            await ClusterProcesses.MetricAsync(cluster.Router, "torchkv_router_replicas_up") == 3);
    }

    [Fact]
    public async Task RestartingReplicasOneByOneFailsNoRequest()
    {
        using var cluster = await Start();
        using var stop = new CancellationTokenSource();

        // A new process would have to compile the constraint under load.
        ClusterRequest[] requests = [.. ClusterRequest.Many(8, Tokens).Where(request => !request.IsGuided)];
        var served = 0;
        var clients = requests.Select(request => Task.Run(async () =>
        {
            var expected = "";
            while (!stop.IsCancellationRequested)
            {
                var stream = ClusterRequest.Comparable(await ClusterProcesses.StreamAsync(cluster.Router, request));
                expected = expected.Length == 0 ? stream : expected;
                Assert.Equal(expected, stream);
                Interlocked.Increment(ref served);
            }
        })).ToArray();
        for (var i = 0; i < cluster.Replicas.Length; i++)
        {
            var before = Volatile.Read(ref served);
            await ClusterProcesses.UntilAsync(() => Task.FromResult(Volatile.Read(ref served) > before + 8));
            var port = cluster.Replicas[i].InternalAddress!.Port;
            cluster.Replicas[i].SendTerminate();
            Assert.Equal(0, (await cluster.Replicas[i].Finish()).ExitCode);
            cluster.Replicas[i].Dispose();
            cluster.Replicas[i] = await ClusterProcesses.StartReplicaAsync($"again{i}", port);
            await ClusterProcesses.UntilAsync(async () =>
                await ClusterProcesses.MetricAsync(cluster.Router, "torchkv_router_replicas_up") == 3);
        }

        await stop.CancelAsync();
        await Task.WhenAll(clients);
        Assert.True(served > 24);
    }

    [Fact]
    public async Task ADeadRoutersClientsGetTheRestFromAnother()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no signals to send.");
        using var cluster = await ClusterProcesses.StartAsync(replicas: 2, routers: 2);
        var requests = ClusterRequest.Many(16, Tokens);
        var expected = await Task.WhenAll(requests.Select(request =>
            ClusterProcesses.StreamAsync(cluster.Replicas[0], request)));
        var begun = new string[requests.Length];
        var events = 0;
        await Task.WhenAll(requests.Select(async (request, i) =>
        {
            var own = new System.Text.StringBuilder();
            try
            {
                await ClusterProcesses.StreamAsync(
                    cluster.Routers[0],
                    request,
                    () =>
                    {
                        if (Interlocked.Increment(ref events) == requests.Length * Tokens / 3)
                        {
                            cluster.Routers[0].Send(ServeProcess.KillSignal);
                        }

                        return true;
                    },
                    received: own);
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
            }

            begun[i] = own.ToString();
        }));
        var cut = begun.Count(stream => !stream.Contains("[DONE]", StringComparison.Ordinal));
        Assert.True(cut > 0, "No stream was cut.");
        var rests = await Task.WhenAll(requests.Select((request, i) => ClusterProcesses.StreamAsync(
            cluster.Routers[1], request, lastEventId: LastEventId(begun[i]))));
        for (var i = 0; i < requests.Length; i++)
        {
            var whole = begun[i].Contains("[DONE]", StringComparison.Ordinal) ? begun[i] : begun[i] + rests[i];
            Assert.Equal(ClusterRequest.Comparable(expected[i]), ClusterRequest.Comparable(whole));
        }
    }

    [Fact]
    public async Task ARouterLetsItsStreamsEndBeforeItStops()
    {
        using var cluster = await Start(replicas: 1);
        var began = new TaskCompletionSource();
        var request = ClusterRequest.Many(1, 200)[0];
        var stream = ClusterProcesses.StreamAsync(cluster.Router, request, () => began.TrySetResult() || true);
        await began.Task.WaitAsync(TimeSpan.FromSeconds(60));
        cluster.Router.SendTerminate();
        Assert.EndsWith("data: [DONE]\n\n", await stream, StringComparison.Ordinal);
        Assert.Equal(0, (await cluster.Router.Finish()).ExitCode);
    }

    private static Task<ClusterProcesses> Start(int replicas = 3)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no signals to send.");
        return ClusterProcesses.StartAsync(replicas);
    }

    /// <summary>Runs the streams once at one replica and once through the router, where something happens to them.</summary>
    private static async Task AssertNoByteChanges(ClusterProcesses cluster, Func<Task> happens)
    {
        var requests = ClusterRequest.Many(Streams, LongTokens);
        var expected = await Task.WhenAll(requests.Select(request =>
            ClusterProcesses.StreamAsync(cluster.Replicas[0], request)));
        var events = 0;
        var at = Random.Shared.Next(Streams, Streams * LongTokens / 5);
        var happened = new TaskCompletionSource();
        var actual = Task.WhenAll(requests.Select(request => ClusterProcesses.StreamAsync(
            cluster.Router, request, () => Interlocked.Increment(ref events) != at || happened.TrySetResult())));
        await Task.WhenAny(happened.Task, actual);
        Assert.True(happened.Task.IsCompleted, "All streams ended before anything happened.");
        await happens();
        var streams = await actual.WaitAsync(TimeSpan.FromMinutes(2));
        var equal = streams.Zip(expected).Count(pair =>
            ClusterRequest.Comparable(pair.First) == ClusterRequest.Comparable(pair.Second));
        for (var i = 0; i < Streams && equal < Streams; i++)
        {
            Assert.True(
                ClusterRequest.Comparable(expected[i]) == ClusterRequest.Comparable(streams[i]),
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{equal} of {Streams} are equal, after event {at}. Number {i} at one replica:\n{expected[i]}\nand:\n{streams[i]}"));
        }
    }

    private static string? LastEventId(string stream) => stream.Split('\n')
        .LastOrDefault(line => line.StartsWith("id: ", StringComparison.Ordinal))?["id: ".Length..];
}
