using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Internal;
using TorchKv.Server.Tests.Support;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests.Resuming;

/// <summary>Who may resume streams: routers, and nobody else.</summary>
public sealed class InternalAccessTests
{
    private const string Resume = """
        {"model":"fake","prompt":"x","stream":true,"temperature":0,"max_tokens":3,"resume":{"last_event_id":"1 5","token_ids":[[5]]}}
        """;

    private const string Key = "0123456789abcdef";

    [Theory]
    [InlineData("/v1/completions", "\"prompt\":\"x\"")]
    [InlineData("/v1/chat/completions", "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]")]
    [InlineData("/v1/responses", "\"input\":\"x\"")]
    public async Task ResumingFromOutsideIsRefusedByName(string path, string prompt)
    {
        await using var server = await StartAsync();
        var error = await server.RefusedAsync(
            path, $$"""{"model":"fake",{{prompt}},"stream":true,"resume":{"token_ids":[[5]]} }""", 400);
        Assert.Equal(("resume", "internal_field"), ((string?)error["param"], (string?)error["code"]));
    }

    [Fact]
    public async Task TheRoutersUrlsAreRefusedFromOutside()
    {
        await using var server = await StartAsync();
        var request = JsonSerializer.Serialize(
            new InternalRequest { PromptTokenIds = [5], Options = new GenerationOptions { MaxNewTokens = 2 } },
            InternalJson.Default.InternalRequest);
        foreach (var port in new[] { server.Address, server.InternalAddress })
        {
            var expected = port == server.InternalAddress ? HttpStatusCode.OK : HttpStatusCode.Forbidden;
            using var status = await server.Client.GetAsync(new Uri(port, "/internal/status"));
            Assert.Equal(expected, status.StatusCode);
            using var generate = await server.Client.PostAsync(
                new Uri(port, "/internal/generate"),
                new StringContent(request, Encoding.UTF8, "application/json"));
            Assert.Equal(expected, generate.StatusCode);
        }
    }

    [Fact]
    public async Task WithAKeyThePortIsNotEnough()
    {
        await using var server = await StartAsync(key: Key);
        foreach (var port in new[] { server.Address, server.InternalAddress })
        {
            Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(server, port, null));
            Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(server, port, Key + "0"));
            Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(server, port, Key[..^1] + "0"));
            Assert.Equal(HttpStatusCode.OK, await PostAsync(server, port, Key));
        }
    }

    [Fact]
    public async Task AShortKeyIsRefused()
    {
        var error = await Assert.ThrowsAsync<OptionException>(() => StartAsync(key: "short"));
        Assert.Equal("internal_key", error.Option);
    }

    [Fact]
    public async Task TheStatusSaysIdentityAndLoad()
    {
        await using var server = await StartAsync();
        var status = JsonNode.Parse(await server.Client.GetStringAsync(new Uri(server.InternalAddress, "/internal/status")))!;
        Assert.Equal(("ready", "fake"), ((string?)status["state"], (string?)status["model"]));
        Assert.Equal((100, 16), ((int)status["blocks"]!, (int)status["block_size"]!));
        Assert.False(string.IsNullOrEmpty((string?)status["start_id"]));
    }

    [Theory]
    [InlineData("\"1 5\"", "[[5],[6]]", "resume.token_ids")]
    [InlineData("\"x\"", "[[5]]", "last_event_id")]
    [InlineData("\"1 5 @1,2\"", "[[5]]", null)]
    [InlineData("\"-1\"", "[[5]]", "last_event_id")]
    [InlineData("\"\"", "[null]", "resume.token_ids")]
    [InlineData("\"1 99999\"", "[[99999]]", "prompt")]
    public async Task WhatIsNoPointOfTheStreamIsRefused(string last, string ids, string? param)
    {
        await using var server = await StartAsync();
        using var response = await server.Client.PostAsync(
            new Uri(server.InternalAddress, "/v1/completions"),
            new StringContent(
                "{\"model\":\"fake\",\"prompt\":\"x\",\"stream\":true,\"temperature\":0,\"max_tokens\":3,"
                + $"\"resume\":{{\"last_event_id\":{last},\"token_ids\":{ids}}}}}",
                Encoding.UTF8,
                "application/json"));
        if (param is null or "prompt")
        {
            // The engine checks ids; the fake has no rules for them.
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            return;
        }

        var error = Sse.Error(JsonNode.Parse(await response.Content.ReadAsStringAsync())!);
        Assert.Equal((400, param), ((int)response.StatusCode, (string?)error["param"]));
    }

    [Fact]
    public async Task AKeyOfAnotherRequestIsRefused()
    {
        await using var server = await StartAsync();
        Assert.Equal(HttpStatusCode.OK, await KeyedAsync(server, "{\"prompt\":\"x\"", null));
        Assert.Equal(HttpStatusCode.OK, await KeyedAsync(server, "{\"prompt\":\"x\"", "1 5"));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, await KeyedAsync(server, "{\"prompt\":\"y\"", null));
    }

    [Fact]
    public async Task ALastEventNeedsItsKey()
    {
        await using var server = await StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions");
        request.Content = new StringContent(
            "{\"model\":\"fake\",\"prompt\":\"x\",\"stream\":true}", Encoding.UTF8, "application/json");
        request.Headers.Add("Last-Event-ID", "1 5");
        using var response = await server.Client.SendAsync(request);
        var error = Sse.Error(JsonNode.Parse(await response.Content.ReadAsStringAsync())!);
        Assert.Equal((400, "Last-Event-ID"), ((int)response.StatusCode, (string?)error["param"]));
    }

    private static Task<RunningServer> StartAsync(string? key = null) => RunningServer.StartAsync(
        new FakeGenerator(Storyteller.Tokenizer),
        options => (options.InternalPort, options.InternalKey) = (0, key));

    private static async Task<HttpStatusCode> KeyedAsync(RunningServer server, string body, string? lastEventId)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions");
        request.Content = new StringContent(
            body + ",\"model\":\"fake\",\"stream\":true}", Encoding.UTF8, "application/json");
        request.Headers.Add("Idempotency-Key", "one");
        if (lastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        using var response = await server.Client.SendAsync(request);
        return response.StatusCode;
    }

    private static async Task<HttpStatusCode> PostAsync(RunningServer server, Uri port, string? key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(port, "/v1/completions"));
        request.Content = new StringContent(Resume, Encoding.UTF8, "application/json");
        if (key is not null)
        {
            request.Headers.Add("x-torchkv-internal-key", key);
        }

        using var response = await server.Client.SendAsync(request);
        return response.StatusCode;
    }
}
