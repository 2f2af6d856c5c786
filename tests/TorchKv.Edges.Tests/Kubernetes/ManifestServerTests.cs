using System.Net;
using System.Text.RegularExpressions;
using k8s.Models;
using TorchKv.Cli.Tests;
using TorchKv.TestSupport;

namespace TorchKv.Edges.Tests.Kubernetes;

/// <summary>What the manifests say of a server is so: its command line, its endpoints, its metrics.</summary>
public sealed partial class ManifestServerTests : IAsyncLifetime
{
    private ServeProcess _server = null!;

    public async ValueTask InitializeAsync() => _server = await ServeProcess.Start(ChildProcess.StartInfo(
        AppContext.BaseDirectory,
        [
            .. Arguments(ManifestFolder.Pods["torchkv-replica"]),
            "--model", Storyteller.Folder, "--threads", "1", "--blocks", "64",
        ]));

    public ValueTask DisposeAsync()
    {
        _server.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task ProbesAskEndpointsThatAnswer()
    {
        foreach (var pod in ManifestFolder.Pods.Values)
        {
            var container = pod.Spec.Containers.Single();
            V1Probe[] probes = [container.StartupProbe, container.ReadinessProbe, container.LivenessProbe];
            foreach (var probe in probes)
            {
                Assert.Equal("http", probe.HttpGet.Port.Value);
                Assert.Equal(HttpStatusCode.OK, (await _server.Client.GetAsync(probe.HttpGet.Path)).StatusCode);
            }

            Assert.Equal("/ready", container.ReadinessProbe.HttpGet.Path);
            Assert.Equal("/health", container.LivenessProbe.HttpGet.Path);
            var scraped = await _server.Client.GetAsync(pod.Metadata.Annotations["prometheus.io/path"]);
            Assert.Equal(HttpStatusCode.OK, scraped.StatusCode);
        }
    }

    [Fact]
    public async Task EveryMetricThatAManifestNamesIsThere()
    {
        var metrics = await _server.Client.GetStringAsync("/metrics");
        var named = ManifestFolder.Files.SelectMany(file => MetricName().Matches(File.ReadAllText(file)))
            .Select(match => match.Value)
            .Distinct()
            .ToArray();
        Assert.Contains("vllm:num_requests_running", named);
        Assert.Contains("vllm:kv_cache_usage_perc", named);
        Assert.All(named, name => Assert.Matches($"(?m)^{name}{{", metrics));

        // The adapter's rule gives the autoscaler's metric its name.
        var autoscaler = ManifestFolder.Objects.OfType<V2HorizontalPodAutoscaler>().Single();
        var autoscaled = autoscaler.Spec.Metrics.Single().Pods.Metric.Name;
        Assert.Contains(autoscaled.Replace("vllm_", "vllm:", StringComparison.Ordinal), named);
        Assert.Contains(
            $"as: {autoscaled} ", File.ReadAllText(RepositoryFiles.At("deploy", "kubernetes", "autoscaling.yaml")));
    }

    [Fact]
    public async Task TheEndpointPickerFindsTheCacheByItsLabels()
    {
        var metrics = await _server.Client.GetStringAsync("/metrics");
        Assert.Matches("(?m)^vllm:cache_config_info{[^}]*block_size=\"16\",num_gpu_blocks=\"64\"[^}]*} 1$", metrics);
        Assert.Matches("(?m)^vllm:prefix_cache_queries_total{", metrics);
        Assert.Matches("(?m)^vllm:prefix_cache_hits_total{", metrics);
    }

    /// <summary>A container's command line, with addresses that are free here.</summary>
    private static string[] Arguments(V1PodTemplateSpec pod)
    {
        var arguments = pod.Spec.Containers.Single().Args.ToArray();
        Assert.Equal("serve", arguments[0]);
        for (var i = 1; i < arguments.Length - 1; i++)
        {
            arguments[i + 1] = arguments[i] switch
            {
                "--port" or "--internal-port" => "0",
                "--host" => "127.0.0.1",
                _ => arguments[i + 1],
            };
        }

        return arguments;
    }

    [GeneratedRegex("vllm:[a-z_]+")]
    private static partial Regex MetricName();
}
