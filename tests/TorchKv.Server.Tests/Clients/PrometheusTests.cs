using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using TorchKv.Server.Tests.Support;
using TorchKv.TestSupport;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests.Clients;

/// <summary>Prometheus itself reads the metrics.</summary>
public sealed class PrometheusTests(Storyteller storyteller)
{
    private static readonly string? Program = Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator)
        .Select(folder => Path.Combine(folder, "prometheus"))
        .FirstOrDefault(File.Exists);

    [Fact]
    public async Task PrometheusReadsTheSeriesBack()
    {
        Assert.SkipWhen(Program is null, "prometheus is not installed.");
        await storyteller.Server.AskAsync("/v1/completions", """{"model":"storyteller","prompt":"x","max_tokens":2}""");
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["prometheus.yml"], $$"""
            global: { scrape_interval: 1s }
            scrape_configs:
              - job_name: torchkv
                static_configs: [ { targets: [ "{{storyteller.Server.Address.Authority}}" ] } ]
            """);
        var address = $"127.0.0.1:{FreePort()}";
        using var prometheus = Process.Start(new ProcessStartInfo(
            Program!,
            [
                "--config.file=" + folder["prometheus.yml"],
                "--storage.tsdb.path=" + folder["data"],
                "--web.listen-address=" + address,
                "--log.level=error",
            ])
        {
            RedirectStandardError = true,
        })!;
        try
        {
            using var client = new HttpClient { BaseAddress = new Uri("http://" + address) };
            string[] queries =
            [
                "up{job=\"torchkv\"}",
                "vllm:num_requests_running{model_name=\"storyteller\"}",
                "vllm:kv_cache_usage_perc",
                "vllm:generation_tokens_total",
                "histogram_quantile(0.5, vllm:time_to_first_token_seconds_bucket)",
                "torchkv_pool_blocks{state=\"free\"}",
            ];
            foreach (var query in queries)
            {
                var found = false;
                while (!found)
                {
                    Assert.False(prometheus.HasExited, "prometheus ended.");
                    found = await HasAsync(client, query);
                    await Task.Delay(50);
                }
            }

            var up = JsonNode.Parse(await client.GetStringAsync("/api/v1/query?query=up"))!;
            Assert.Equal("1", (string?)up["data"]!["result"]![0]!["value"]![1]);
        }
        finally
        {
            prometheus.Kill();
            await prometheus.WaitForExitAsync();
        }
    }

    private static async Task<bool> HasAsync(HttpClient client, string query)
    {
        try
        {
            using var response = await client.GetAsync("/api/v1/query?query=" + Uri.EscapeDataString(query));
            if (!response.IsSuccessStatusCode)
            {
                return false; // While Prometheus starts, it answers 503 in plain text.
            }

            var body = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
            return response.StatusCode == HttpStatusCode.OK && body["data"]!["result"]!.AsArray().Count > 0;
        }
        catch (HttpRequestException)
        {
            // It does not listen yet.
            return false;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
