using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Server.Configuration;
using TorchKv.Server.Models;
using TorchKv.Server.Tests.Support;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests;

public sealed class StateTests(Storyteller storyteller)
{
    [Fact]
    public async Task UntilTheModelIsWarmTheServerIsNotReady()
    {
        var loading = new TaskCompletionSource<ServedModel>();
        await using var server = await RunningServer.StartLoadingAsync(_ => loading.Task);
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/health")).StatusCode);
        using var ready = await server.Client.GetAsync("/ready");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        Assert.NotNull(ready.Headers.RetryAfter);
        Assert.Equal("loading", (string?)JsonNode.Parse(await ready.Content.ReadAsStringAsync())!["status"]);
        using var models = await server.Client.GetAsync("/v1/models");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, models.StatusCode);
        var error = await server.RefusedAsync("/v1/completions", """{"model":"fake","prompt":"x"}""", 503);
        Assert.Equal("unavailable", (string?)error["code"]);
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/metrics")).StatusCode);

        loading.SetResult(new ServedModel(
            "fake",
            new FakeGenerator(Storyteller.Tokenizer),
            Storyteller.Tokenizer,
            ChatTemplates.Plain));
        await server.Models.Loaded;
        while (server.Models.State == ServerState.Loading)
        {
            await Task.Yield();
        }

        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/ready")).StatusCode);
        await server.AskAsync("/v1/completions", """{"model":"fake","prompt":"x"}""");
    }

    [Fact]
    public async Task AnUnloadableModelEndsTheServerWithItsError()
    {
        var run = TorchKvServer.RunAsync(
            new TorchKvServerOptions { Port = 0 },
            _ => throw new ChatTemplateException("x.jinja", "it is Jinja."),
            configure: builder => builder.Logging.ClearProviders());
        Assert.Contains("x.jinja", (await Assert.ThrowsAsync<ChatTemplateException>(() => run)).Message);
    }

    [Fact]
    public async Task ModelsAreListedAndFoundByIdOrAlias()
    {
        var list = JsonNode.Parse(await storyteller.Server.Client.GetStringAsync("/v1/models"))!;
        var card = Assert.Single(list["data"]!.AsArray())!;
        Assert.Equal("list", (string?)list["object"]);
        Assert.Equal("storyteller", (string?)card["id"]);
        Assert.Equal("model", (string?)card["object"]);
        Assert.Equal(512, (int)card["max_model_len"]!);
        Assert.Equal(
            "storyteller",
            (string?)JsonNode.Parse(await storyteller.Server.Client.GetStringAsync("/v1/models/storyteller"))!["id"]);
        Assert.Equal(
            "storyteller",
            (string?)JsonNode.Parse(await storyteller.Server.Client.GetStringAsync("/v1/models/gpt-4"))!["id"]);
        Assert.Equal(
            HttpStatusCode.NotFound,
            (await storyteller.Server.Client.GetAsync("/v1/models/org/other")).StatusCode);
    }

    [Fact]
    public async Task AnIdMayHaveSlashes()
    {
        await using var server = await RunningServer.StartAsync(new ServedModel(
            "org/model",
            new FakeGenerator(Storyteller.Tokenizer),
            Storyteller.Tokenizer,
            ChatTemplates.Plain));
        Assert.Equal(
            "org/model",
            (string?)JsonNode.Parse(await server.Client.GetStringAsync("/v1/models/org/model"))!["id"]);
    }

    [Fact]
    public async Task TheVersionIsTold()
        => Assert.Matches(
            @"^\d+\.\d+\.\d+",
            (string?)JsonNode.Parse(await storyteller.Server.Client.GetStringAsync("/version"))!["version"]);

    [Fact]
    public async Task HeadIsGetWithoutABody()
    {
        using var response = await storyteller.Server.Client.SendAsync(new HttpRequestMessage(
            HttpMethod.Head,
            "/health"));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync());
    }
}
