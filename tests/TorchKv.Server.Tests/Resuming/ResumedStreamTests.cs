using System.Text.Json.Nodes;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Models;
using TorchKv.Server.Tests.Support;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests.Resuming;

/// <summary>
/// A stream that was cut after any event and resumed at another server: the bytes of both parts are those of the stream
/// that was not cut.
/// </summary>
public sealed class ResumedStreamTests(Storyteller storyteller) : IAsyncLifetime
{
    private static readonly string[] s_stops = ["the", " a", ".", "\n", " was", "e t", "oo"];

    private RunningServer _first = null!;
    private RunningServer _second = null!;

    public async ValueTask InitializeAsync()
    {
        _first = await RunningServer.StartAsync(Model(null), options => options.InternalPort = 0);
        _second = await RunningServer.StartAsync(
            Model(new SpeculationOptions { MinMatch = 1 }), options => options.InternalPort = 0);
    }

    public async ValueTask DisposeAsync()
    {
        await _first.DisposeAsync();
        await _second.DisposeAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task CutAfterAnyEventTheBytesAreTheUninterruptedOnes(int seed)
    {
        var random = new Random(seed);
        var cuts = 0;
        for (var i = 0; i < 12; i++)
        {
            var (path, body) = Next(random);
            var whole = await RawStream.ReadAsync(_first.Client, new Uri(_first.InternalAddress, path), body);
            Assert.NotNull(whole.LastEventId);
            for (var cut = 0; cut < whole.Blocks.Count; cut += random.Next(1, 5))
            {
                var begun = whole.Cut(cut);
                var rest = await ResumeAsync(_second, path, body, whole, begun, random.Next(4) > 0);
                Assert.Equal(
                    RawStream.Comparable(whole.Text), RawStream.Comparable(begun.Text + rest.Text));
                cuts++;
            }
        }

        Assert.True(cuts > 40, $"{cuts} cuts");
    }

    [Fact]
    public async Task SeveralChoicesGoOnEachFromItsOwnEvent()
    {
        var random = new Random(7);
        foreach (var path in new[] { "/v1/completions", "/v1/chat/completions" })
        {
            var body = Body(path, random);
            (body["n"], body["max_tokens"], body["temperature"]) = (3, 14, 1);
            if (path == "/v1/completions")
            {
                body["prompt"] = new JsonArray("Once upon", "The dog");
                body["logprobs"] = 1;
            }

            var choices = path == "/v1/completions" ? 6 : 3;
            var whole = await RawStream.ReadAsync(_first.Client, new Uri(_first.InternalAddress, path), body);
            for (var cut = 0; cut < whole.Blocks.Count; cut += 5)
            {
                var begun = whole.Cut(cut);
                var rest = await ResumeAsync(_second, path, body, whole, begun, withIds: true, choices);
                var joined = new RawStream([.. begun.Blocks, .. rest.Blocks]);
                for (var choice = 0; choice < choices; choice++)
                {
                    Assert.Equal(
                        whole.DataOf(choice).Select(RawStream.Comparable),
                        joined.DataOf(choice).Select(RawStream.Comparable));
                }
            }
        }
    }

    [Theory]
    [InlineData("/v1/completions")]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/responses")]
    public async Task AClientThatComesBackGetsTheRest(string path)
    {
        // No seed: the idempotency key decides it, so a server that never saw the stream gives the same.
        var body = Body(path, new Random(3));
        body.Remove("seed");
        (string, string) key = ("Idempotency-Key", "k-" + path);
        var whole = await RawStream.ReadAsync(_first.Client, new Uri(_first.Address, path), body, key);
        foreach (var server in new[] { _first, _second })
        {
            for (var cut = 1; cut < whole.Blocks.Count; cut += 4)
            {
                var begun = whole.Cut(cut);
                var rest = await RawStream.ReadAsync(
                    server.Client, new Uri(server.Address, path), body, key, ("Last-Event-ID", begun.LastEventId!));
                var created = server == _first || rest.Created == 0 ? "" : rest.Created.ToString();
                var expected = RawStream.Comparable(whole.Text);
                var actual = RawStream.Comparable(begun.Text + rest.Text);
                Assert.Equal(
                    created.Length == 0 ? expected : expected.Replace(whole.Created.ToString(), "T"),
                    created.Length == 0
                        ? actual
                        : actual.Replace(whole.Created.ToString(), "T").Replace(created, "T"));
            }
        }
    }

    [Fact]
    public async Task AnEventIsOfTheTokensSinceTheOneBefore()
    {
        // The fox is four bytes in several tokens, whose text comes with the last of them.
        var path = new Uri(_first.InternalAddress, "/v1/completions");
        int[] fox = [.. Storyteller.Tokenizer.Encode("🦊🦊")];
        var body = new JsonObject
        {
            ["model"] = "storyteller",
            ["prompt"] = "x",
            ["max_tokens"] = fox.Length,
            ["stream"] = true,
            ["temperature"] = 0,
            ["structured_outputs"] = new JsonObject { ["choice"] = new JsonArray("🦊🦊") },
        };
        var whole = await RawStream.ReadAsync(_first.Client, path, body);
        Assert.Equal(fox, whole.TokenIds(1)[0]);
        Assert.True(whole.Blocks.Count - 1 < fox.Length);
    }

    [Fact]
    public async Task WithoutAKeyOrARouterNoEventHasAnId()
    {
        var body = Body("/v1/completions", new Random(1));
        var stream = await RawStream.ReadAsync(
            _first.Client, new Uri(_first.Address, "/v1/completions"), body);
        Assert.Null(stream.LastEventId);
    }

    private static async Task<RawStream> ResumeAsync(
        RunningServer server, string path, JsonObject body, RawStream whole, RawStream begun, bool withIds, int choices = 1)
    {
        var resumed = body.DeepClone().AsObject();
        resumed["resume"] = new JsonObject
        {
            ["last_event_id"] = begun.LastEventId,
            ["token_ids"] = withIds
                ? new JsonArray([.. begun.TokenIds(choices).Select(ids =>
                    new JsonArray([.. ids.Select(id => (JsonNode)id)]))])
                : null,
            ["id"] = whole.AnswerId,
            ["created"] = whole.Created,
        };
        return await RawStream.ReadAsync(server.Client, new Uri(server.InternalAddress, path), resumed);
    }

    private static (string Path, JsonObject Body) Next(Random random)
    {
        var path = new[] { "/v1/completions", "/v1/chat/completions", "/v1/responses" }[random.Next(3)];
        return (path, Body(path, random));
    }

    private static JsonObject Body(string path, Random random)
    {
        var body = new JsonObject { ["model"] = "storyteller", ["stream"] = true, ["seed"] = random.Next() };
        var most = random.Next(1, 24);
        var text = new[] { "Once upon a time", "The cat sat", "{", "Tom and Lily" }[random.Next(4)];
        if (path == "/v1/responses")
        {
            (body["input"], body["max_output_tokens"]) = (text, most);
            body["temperature"] = random.Next(2) == 0 ? 0 : 1;
            return body;
        }

        body["max_tokens"] = most;
        if (path == "/v1/completions")
        {
            body["prompt"] = text;
            Maybe(random, () => body["echo"] = true);
            Maybe(random, () => body["logprobs"] = random.Next(3));
        }
        else
        {
            body["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = text });
            Maybe(random, () => (body["logprobs"], body["top_logprobs"]) = (true, random.Next(3)));
        }

        Maybe(random, () => body["temperature"] = random.Next(2) == 0 ? 0 : 0.7);
        Maybe(random, () => body["top_p"] = 0.9);
        Maybe(random, () => body["frequency_penalty"] = 0.8);
        Maybe(random, () => body["presence_penalty"] = 0.6);
        Maybe(random, () => body["repetition_penalty"] = 1.2);
        Maybe(random, () => body["return_token_ids"] = true);
        Maybe(random, () => body["stream_options"] = new JsonObject
        {
            ["include_usage"] = true,
            ["continuous_usage_stats"] = random.Next(2) == 0,
        });
        if (random.Next(4) == 0)
        {
            body["structured_outputs"] = random.Next(2) == 0
                ? new JsonObject { ["json"] = JsonNode.Parse("""{"type":"object","properties":{"a":{"type":"integer"}}}""") }
                : new JsonObject { ["choice"] = new JsonArray("yes 🦊 no", "maybe é") };
            return body;
        }

        Maybe(random, () => body["stop"] = new JsonArray(
            [.. random.GetItems(s_stops, 2).Distinct().Select(stop => (JsonNode)stop)]));
        Maybe(random, () => body["include_stop_str_in_output"] = true);
        Maybe(random, () => body["min_tokens"] = most / 2);
        return body;
    }

    private static void Maybe(Random random, Action set)
    {
        if (random.Next(3) == 0)
        {
            set();
        }
    }

    private ServedModel Model(SpeculationOptions? speculation) =>
        new("storyteller", storyteller.Engine, storyteller.Engine.Tokenizer!, ChatTemplates.Transcript)
        {
            Speculation = speculation,
            Identity = storyteller.Engine.ModelIdentity?.ToString(),
        };
}
