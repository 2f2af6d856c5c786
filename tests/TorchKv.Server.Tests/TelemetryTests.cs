using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Server.Models;
using TorchKv.Server.Telemetry;
using TorchKv.Server.Tests.Support;

namespace TorchKv.Server.Tests;

public sealed class TelemetryTests
{
    [Fact]
    public async Task ARequestIsASpanWithItsPhasesAsChildren()
    {
        // Other tests' spans are heard too; the model's name tells this one's.
        var spans = new ConcurrentBag<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == ServerTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Add,
        };
        ActivitySource.AddActivityListener(listener);
        var fake = new FakeGenerator(Storyteller.Tokenizer);
        var model = new ServedModel("traced", fake, Storyteller.Tokenizer, ChatTemplates.Plain);
        await using var server = await RunningServer.StartAsync(model);
        const string Chat = """{"model":"traced","messages":[{"role":"user","content":"x"}]"""
            + ""","temperature":0.5,"seed":7,"n":2}""";
        var answer = await server.AskAsync("/v1/chat/completions", Chat);
        await Until(() => spans.Any(span => span.DisplayName == "chat traced"));

        var span = spans.Single(span => span.DisplayName == "chat traced");
        Assert.Equal("torchkv", span.GetTagItem("gen_ai.provider.name"));
        Assert.Equal("chat", span.GetTagItem("gen_ai.operation.name"));
        Assert.Equal(0.5f, span.GetTagItem("gen_ai.request.temperature"));
        Assert.Equal(7L, span.GetTagItem("gen_ai.request.seed"));
        Assert.Equal(2, span.GetTagItem("gen_ai.request.choice.count"));
        Assert.Equal((string?)answer["id"], span.GetTagItem("gen_ai.response.id"));
        Assert.Equal(["stop", "stop"], (string?[])span.GetTagItem("gen_ai.response.finish_reasons")!);
        Assert.Equal((int)answer["usage"]!["completion_tokens"]!, span.GetTagItem("gen_ai.usage.output_tokens"));
        Assert.Single(span.Events, e => e.Name == "first_token");
        Assert.DoesNotContain(span.TagObjects, tag => tag.Key.Contains("messages", StringComparison.Ordinal));
        var children = spans.Where(child => child.ParentSpanId == span.SpanId);
        Assert.Equal(["torchkv.decode", "torchkv.prefill"], children.Select(child => child.DisplayName).Order());
    }

    [Fact]
    public async Task AFailureIsMarked()
    {
        var spans = new ConcurrentBag<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == ServerTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Add,
        };
        ActivitySource.AddActivityListener(listener);
        var fake = new FakeGenerator(Storyteller.Tokenizer) { Failure = (2, new InvalidOperationException("x")) };
        await using var server = await RunningServer.StartAsync(new ServedModel(
            "broken",
            fake,
            Storyteller.Tokenizer,
            ChatTemplates.Plain));
        fake.Arm();
        await server.StreamAsync("/v1/completions", """{"model":"broken","prompt":"x","stream":true}""");
        await Until(() => spans.Any(span => span.DisplayName == "text_completion broken"));
        var span = spans.Single(span => span.DisplayName == "text_completion broken");
        Assert.Equal(ActivityStatusCode.Error, span.Status);
        Assert.Equal("error", span.GetTagItem("error.type"));
    }

    [Fact]
    public async Task SpansAndMetricsGoToTheVariablesCollector()
    {
        var seen = new ConcurrentDictionary<string, long>();
        var web = WebApplication.CreateSlimBuilder();
        web.Logging.ClearProviders();
        web.WebHost.UseUrls("http://127.0.0.1:0");
        await using var collector = web.Build();
        collector.MapPost("/{**path}", async (HttpContext context) =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            seen.AddOrUpdate(context.Request.Path.Value!, body.Length, (_, length) => length + body.Length);
        });
        await collector.StartAsync();
        var features = collector.Services.GetRequiredService<IServer>().Features;
        var settings = new Dictionary<string, string?>
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = features.Get<IServerAddressesFeature>()!.Addresses.Single(),
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
        };
        var fake = new FakeGenerator(Storyteller.Tokenizer);
        var model = new ServedModel("exported", fake, Storyteller.Tokenizer, ChatTemplates.Plain);
        await using (var server = await RunningServer.StartLoadingAsync(
            _ => Task.FromResult(model),
            build: builder => builder.Configuration.AddInMemoryCollection(settings)))
        {
            await server.Models.Loaded;
            await Until(() => server.Models.State == ServerState.Ready);
            await server.AskAsync("/v1/completions", """{"model":"exported","prompt":"x"}""");
        }

        // What is left is sent when the server ends.
        Assert.True(seen.GetValueOrDefault("/v1/traces") > 0);
        Assert.True(seen.GetValueOrDefault("/v1/metrics") > 0);
    }

    private static async Task Until(Func<bool> isSo)
    {
        while (!isSo())
        {
            await Task.Delay(5);
        }
    }
}
