using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime;
using TorchKv.Server.Metrics;
using TorchKv.Server.Models;
using TorchKv.Server.Tests.Support;
using TorchKv.TestSupport;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests;

public sealed class MetricsTests(Storyteller storyteller)
{
    private static readonly string Golden = RepositoryFiles.At("tests", "TorchKv.Server.Tests", "metrics.golden.txt");

    [Fact]
    public async Task NamesTypesLabelsAndBucketsAreAsPinned()
    {
        await using var server = await RunningServer.StartAsync(new FakeGenerator(Storyteller.Tokenizer));
        await server.AskAsync("/v1/completions", """{"model":"fake","prompt":"x","max_tokens":3}""");
        await server.RefusedAsync("/v1/completions", """{"model":"fake","prompt":"x","n":0}""", 400);
        var page = await server.Client.GetStringAsync("/metrics");
        var shape = Regex.Replace(page, @" -?[0-9][-+.0-9Ee]*$", " N", RegexOptions.Multiline);
        if (Environment.GetEnvironmentVariable("TORCHKV_WRITE_GOLDEN") == "1")
        {
            await File.WriteAllTextAsync(Golden, shape);
        }

        Assert.Equal(await File.ReadAllTextAsync(Golden), shape);
    }

    [Fact]
    public async Task TheEndpointPickersFamiliesExistFromTheStart()
    {
        var never = new TaskCompletionSource<ServedModel>().Task;
        await using var server = await RunningServer.StartLoadingAsync(_ => never);
        using var response = await server.Client.GetAsync("/metrics");
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        var page = await response.Content.ReadAsStringAsync();
        string[] families =
        [
            "num_requests_waiting", "num_requests_running", "kv_cache_usage_perc",
            "cache_config_info", "lora_requests_info",
        ];
        foreach (var family in families)
        {
            Assert.Matches($@"(?m)^# TYPE vllm:{family} gauge$", page);
            Assert.Matches($@"(?m)^vllm:{family}\{{[^}}]*\}} [0-9.]+$", page);
        }
    }

    [Fact]
    public async Task AfterNRequestsTheCountsAreN()
    {
        await using var engine = await Engine.LoadAsync(RepositoryFiles.Weights("storyteller"));
        await using var server = await RunningServer.StartAsync(new ServedModel(
            "storyteller",
            engine,
            engine.Tokenizer!,
            ChatTemplates.Plain));
        var before = await ReadAsync(server);
        const int Requests = 6;
        await Parallel.ForEachAsync(Enumerable.Range(0, Requests), async (i, _) =>
        {
            var stream = i % 2 == 0 ? "true" : "false";
            using var response = await server.PostAsync(
                "/v1/completions",
                $$"""{"model":"storyteller","prompt":"A story about {{i}}","max_tokens":5"""
                    + $$""","stream":{{stream}},"ignore_eos":true}""");
            await response.Content.ReadAsStringAsync();
        });
        var after = await ReadAsync(server);
        double Grown(string name) => after[name] - before.GetValueOrDefault(name);
        Assert.Equal(
            Requests,
            Grown("""vllm:request_success_total{model_name="storyteller",engine="0",finished_reason="length"}"""));
        string[] histograms =
        [
            "time_to_first_token_seconds", "e2e_request_latency_seconds", "request_prompt_tokens",
            "request_generation_tokens", "request_params_n", "request_decode_time_seconds",
        ];
        foreach (var histogram in histograms)
        {
            Assert.Equal(Requests, Grown($$"""vllm:{{histogram}}_count{model_name="storyteller",engine="0"}"""));
        }

        Assert.Equal(
            Requests * 5,
            Grown("""vllm:request_generation_tokens_sum{model_name="storyteller",engine="0"}"""));
        Assert.Equal(Requests * 5, Grown("""vllm:generation_tokens_total{model_name="storyteller",engine="0"}"""));
        Assert.Equal(
            Grown("""torchkv_computed_tokens_total{model_name="storyteller",engine="0"}"""),
            Grown("""vllm:iteration_tokens_total_sum{model_name="storyteller",engine="0"}"""));
        Assert.Equal(
            Grown("""torchkv_steps_total{model_name="storyteller",engine="0"}"""),
            Grown("""vllm:iteration_tokens_total_count{model_name="storyteller",engine="0"}"""));
        Assert.Equal(
            Requests * 4,
            Grown("""vllm:inter_token_latency_seconds_count{model_name="storyteller",engine="0"}"""));
        Assert.Equal(0, after["""vllm:num_requests_running{model_name="storyteller",engine="0"}"""]);
        Assert.Equal(0, after["""vllm:num_requests_waiting{model_name="storyteller",engine="0"}"""]);
        Assert.Equal(0, after["""vllm:kv_cache_usage_perc{model_name="storyteller",engine="0"}"""]);
        Assert.Equal(0, after["""torchkv_http_streams{model_name="storyteller",engine="0"}"""]);
        Assert.Equal(Requests, Grown("""http_requests_total{handler="/v1/completions",method="POST",status="2xx"}"""));
    }

    [Fact]
    public async Task TheBlockSizeIsTold()
        => Assert.Contains("block_size=\"16\"", await storyteller.Server.Client.GetStringAsync("/metrics"));

    [Fact]
    public void LabelsAreEscaped()
    {
        var output = new ArrayBufferWriter<byte>();
        new PrometheusText(
            output,
            $"model_name=\"{PrometheusText.Escape("a\"b\\c\nd")}\"").Gauge("m", "Help.", double.PositiveInfinity);
        Assert.Equal(
            "# HELP m Help.\n# TYPE m gauge\nm{model_name=\"a\\\"b\\\\c\\nd\"} +Inf\n",
            Encoding.UTF8.GetString(output.WrittenSpan));
    }

    [Fact]
    public void AHistogramCountsBySizeFromManyThreads()
    {
        var histogram = new Histogram(1, 2, 5);
        Parallel.For(0, 10_000, i => histogram.Observe(i % 8));
        Assert.Equal([2500, 1250, 3750, 2500], Enumerable.Range(0, 4).Select(histogram.CountOf));
        Assert.Equal(35_000, histogram.Sum);
    }

    private static async Task<Dictionary<string, double>> ReadAsync(RunningServer server)
        => (await server.Client.GetStringAsync("/metrics")).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => line[0] != '#')
            .ToDictionary(
                line => line[..line.LastIndexOf(' ')],
                line => double.Parse(
                    line[(line.LastIndexOf(' ') + 1)..].Replace("+Inf", "Infinity", StringComparison.Ordinal),
                    CultureInfo.InvariantCulture));
}
