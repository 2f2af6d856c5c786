using System.Net;
using System.Text;

namespace TorchKv.Cli.Tests.Cluster;

/// <summary>Replicas and routers as processes of their own, over weights/storyteller.</summary>
internal sealed class ClusterProcesses : IDisposable
{
    private ClusterProcesses(ServeProcess[] replicas) => Replicas = replicas;

    public ServeProcess[] Replicas { get; }

    public List<ServeProcess> Routers { get; } = [];

    public ServeProcess Router => Routers[0];

    /// <summary>Starts replicas, and then routers that know all of them.</summary>
    public static async Task<ClusterProcesses> StartAsync(int replicas = 3, int routers = 1)
    {
        var cluster = new ClusterProcesses(
            await Task.WhenAll(Enumerable.Range(0, replicas).Select(i => StartReplicaAsync($"r{i}", 0, i == 1))));
        var addresses = string.Join(',', cluster.Replicas.Select(replica => replica.InternalAddress));
        cluster.Routers.AddRange(await Task.WhenAll(Enumerable.Range(0, routers).Select(_ =>
            ServeProcess.Start("--role", "router", "--replicas", addresses))));
        foreach (var router in cluster.Routers)
        {
            await UntilAsync(async () => await MetricAsync(router, "torchkv_router_replicas_up") == replicas);
        }

        return cluster;
    }

    /// <summary>Starts a replica.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="internalPort">Its internal port; 0: any.</param>
    /// <param name="drafts">Whether it decodes speculatively, which changes no token.</param>
    public static Task<ServeProcess> StartReplicaAsync(string name, int internalPort, bool drafts = false) =>
        ServeProcess.Start(
        [
            "--runner", "cpu", "--threads", "1", "--blocks", "1500", "--internal-port", $"{internalPort}",
            "--replica-name", name, .. drafts ? new[] { "--prompt-lookup" } : [],
        ]);

    /// <summary>The sum of a metric's samples that begin with a text.</summary>
    public static async Task<double> MetricAsync(ServeProcess server, string sample) =>
        (await server.Client.GetStringAsync("/metrics")).Split('\n')
            .Where(line => line.StartsWith(sample, StringComparison.Ordinal) && line[0] != '#')
            .Sum(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>Waits for something that must come.</summary>
    public static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!await isSo())
        {
            await Task.Delay(50, limit.Token);
        }
    }

    /// <summary>Posts a request and reads its stream line by line, as it comes.</summary>
    /// <param name="server">Where it goes.</param>
    /// <param name="request">The request.</param>
    /// <param name="onEvent">Called for each event; the reading ends where it says false.</param>
    /// <param name="lastEventId">The last event that an earlier connection received; null: there was none.</param>
    /// <param name="received">Takes the whole events, so that they are there where the connection breaks.</param>
    public static async Task<string> StreamAsync(
        ServeProcess server,
        ClusterRequest request,
        Func<bool>? onEvent = null,
        string? lastEventId = null,
        StringBuilder? received = null)
    {
        using var message = new HttpRequestMessage(HttpMethod.Post, new Uri(server.Address, request.Path));
        message.Content = new StringContent(request.Body.ToJsonString(), Encoding.UTF8, "application/json");
        message.Headers.Add("Idempotency-Key", request.Key);
        if (lastEventId is not null)
        {
            message.Headers.Add("Last-Event-ID", lastEventId);
        }

        using var response = await server.Client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead);
        if (response.StatusCode != HttpStatusCode.OK)
        {
            Assert.Fail($"{(int)response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
        }

        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync());
        var text = received ?? new StringBuilder();
        var block = new StringBuilder();
        while (await lines.ReadLineAsync() is { } line)
        {
            block.Append(line).Append('\n');
            if (line.Length > 0)
            {
                continue;
            }

            if (block[0] != ':')
            {
                text.Append(block);
                if (onEvent?.Invoke() == false)
                {
                    break;
                }
            }

            block.Clear();
        }

        return text.ToString();
    }

    public void Dispose()
    {
        foreach (var process in Routers.Concat(Replicas))
        {
            process.Dispose();
        }
    }
}
