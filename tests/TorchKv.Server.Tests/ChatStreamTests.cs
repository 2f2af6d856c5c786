using System.Text.Json;
using CsCheck;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Server.Tests.Support;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests;

public sealed class ChatStreamTests(Storyteller storyteller)
{
    private const string Path = "/v1/chat/completions";
    private const string Hello = """{"model":"storyteller","messages":[{"role":"user","content":"Tell me a story."}]"""
        + ""","max_tokens":12,"temperature":0,"stream":true""";

    [Fact]
    public async Task AStreamIsRoleContentsOneReasonThenDone()
    {
        var stream = await storyteller.Server.StreamAsync(Path, Hello + "}");
        var first = stream.Events[0]["choices"]![0]!;
        Assert.Equal("assistant", (string?)first["delta"]!["role"]);
        Assert.Equal("", (string?)first["delta"]!["content"]);
        var last = stream.Events[^1]["choices"]![0]!;
        Assert.Empty(last["delta"]!.AsObject());
        Assert.Equal("length", (string?)last["finish_reason"]);
        Assert.True(stream.IsDone);
        Assert.All(stream.Events, e =>
        {
            Assert.Equal("chat.completion.chunk", (string?)e["object"]);
            Assert.False(e.AsObject().ContainsKey("usage"));
            Assert.True(e["choices"]![0]!.AsObject().ContainsKey("finish_reason"));
            Assert.Equal((string?)stream.Events[0]["id"], (string?)e["id"]);
        });
        Assert.All(stream.Events.Take(stream.Events.Count - 1), e => Assert.Null(e["choices"]![0]!["finish_reason"]));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"include_usage":false}""")]
    [InlineData("null")]
    public async Task UsageComesOnlyWhenAskedFor(string options)
    {
        var stream = await storyteller.Server.StreamAsync(Path, $$"""{{Hello}},"stream_options":{{options}}}""");
        Assert.All(stream.Events, e => Assert.False(e.AsObject().ContainsKey("usage")));
        Assert.All(stream.Events, e => Assert.NotEmpty(e["choices"]!.AsArray()));
    }

    [Fact]
    public async Task TheUsageChunkIsTheLastAndHasNoChoices()
    {
        var stream = await storyteller.Server.StreamAsync(
            Path,
            Hello + ""","stream_options":{"include_usage":true}}""");
        Assert.All(stream.Events, e => Assert.True(e.AsObject().ContainsKey("usage")));
        Assert.All(stream.Events.Take(stream.Events.Count - 1), e => Assert.Null(e["usage"]));
        Assert.Empty(stream.Events[^1]["choices"]!.AsArray());
        Assert.Equal(12, (int)stream.Usage!["completion_tokens"]!);
        Assert.NotNull(stream.Usage["prompt_tokens_details"]!["cached_tokens"]);
    }

    [Fact]
    public async Task RunningUsageGrowsToTheFinalOne()
    {
        var stream = await storyteller.Server.StreamAsync(
            Path,
            Hello + ""","stream_options":{"include_usage":true,"continuous_usage_stats":true}}""");
        var usages = stream.Events.Select(e => e["usage"]!).ToArray();
        Assert.Single(usages.Select(usage => (int)usage["prompt_tokens"]!).Distinct());
        var counts = usages.Select(usage => (int)usage["completion_tokens"]!).ToArray();
        Assert.Equal(counts.Order(), counts);
        Assert.Equal(counts[^1], counts[^2]);
        Assert.Equal(12, counts[^1]);
    }

    [Fact]
    public async Task StreamOptionsWithoutAStreamAreRefused()
    {
        var error = await storyteller.Server.RefusedAsync(
            Path,
            """{"model":"storyteller","messages":[{"role":"user","content":"x"}]"""
                + ""","stream_options":{"include_usage":true}}""",
            400);
        Assert.Equal("stream_options", (string?)error["param"]);
    }

    [Fact]
    public async Task SeveralAnswersInterleaveAndEachFinishesOnce()
    {
        var stream = await storyteller.Server.StreamAsync(
            Path,
            Hello.Replace("\"temperature\":0", "\"temperature\":1", StringComparison.Ordinal) + ""","n":3,"seed":2}""");
        for (var i = 0; i < 3; i++)
        {
            Assert.Single(stream.Reasons(i));
            Assert.NotEmpty(stream.Text(i));
            Assert.Single(stream.Choice(i), choice => choice["delta"]!["role"] is not null);
        }
    }

    [Fact]
    public async Task HalfCharactersAreHeldUntilTheyAreWhole()
    {
        // Half of an emoji's bytes at the end, with nothing to complete it.
        var whole = Storyteller.Tokenizer.Encode("Hi 🦊");
        var fake = new FakeGenerator(Storyteller.Tokenizer) { Says = "Hi 🦊 and 🐻", EndsByItself = true };
        await using var server = await RunningServer.StartAsync(fake, template: ChatTemplates.Plain);
        var stream = await server.StreamAsync(
            Path,
            """{"model":"fake","messages":[{"role":"user","content":"x"}],"stream":true}""");
        Assert.Equal("Hi 🦊 and 🐻", stream.Text());
        Assert.All(
            stream.Events,
            e => Assert.DoesNotContain('\uFFFD', (string?)e["choices"]![0]!["delta"]!["content"] ?? ""));
        var cut = await server.StreamAsync(
            Path,
            """{"model":"fake","messages":[{"role":"user","content":"x"}]"""
                + $$""","stream":true,"max_tokens":{{whole.Count - 1}}}""");
        Assert.Equal("Hi \uFFFD", cut.Text());
    }

    [Fact]
    public async Task AnyStopTextEndsStreamsLikeWholeAnswers()
    {
        const string Says = "One fish two fish red fish blue fish, black fish old fish new fish.";
        await using var server = await RunningServer.StartAsync(
            new FakeGenerator(Storyteller.Tokenizer) { Says = Says },
            template: ChatTemplates.Plain);
        await Gen.Select(Gen.Int[0, Says.Length - 1], Gen.Int[1, 9], Gen.Bool).SampleAsync(
            async stop =>
            {
                var (at, length, isInside) = stop;
                var text = Says.Substring(at, Math.Min(length, Says.Length - at)) + (isInside ? "" : "~");
                var body = """{"model":"fake","messages":[{"role":"user","content":"x"}]"""
                    + $$""","stop":[{{JsonSerializer.Serialize(text)}}]""";
                var whole = await server.AskAsync(Path, body + "}");
                var stream = await server.StreamAsync(Path, body + ""","stream":true}""");
                var expected = Says.IndexOf(
                    text,
                    StringComparison.Ordinal) is >= 0 and var found ? Says[..found] : Says;
                return stream.Text() == expected
                    && (string?)whole["choices"]![0]!["message"]!["content"] == expected
                    && stream.Reasons().Single() == "stop";
            },
            iter: 60,
            threads: 1);
    }

    [Fact]
    public async Task LogProbabilitiesComeWithTheirTokens()
    {
        var stream = await storyteller.Server.StreamAsync(Path, Hello + ""","logprobs":true,"top_logprobs":2}""");
        var tokens = stream.Choice(0).SelectMany(choice => choice["logprobs"]?["content"]?.AsArray() ?? []).ToArray();
        Assert.Equal(12, tokens.Length);
    }

    [Fact]
    public async Task TokenIdsComeWhenAskedFor()
    {
        var stream = await storyteller.Server.StreamAsync(Path, Hello + ""","return_token_ids":true}""");
        var ids = stream.Choice(0)
            .SelectMany(choice => choice["token_ids"]?.AsArray() ?? [])
            .Select(id => (int)id!)
            .ToArray();
        Assert.Equal(12, ids.Length);
        Assert.Equal(stream.Text(), storyteller.Engine.Tokenizer!.Decode(ids).TrimStart());
    }

    [Fact]
    public async Task ASilentStreamGetsComments()
    {
        var fake = new FakeGenerator(Storyteller.Tokenizer) { IsGated = true, Says = "ab" };
        await using var server = await RunningServer.StartAsync(
            fake,
            options => options.KeepAliveInterval = TimeSpan.FromMilliseconds(20));
        var reading = server.PostAsync(
            Path,
            """{"model":"fake","messages":[{"role":"user","content":"x"}],"stream":true}""");
        using var response = await reading;
        await using var body = await response.Content.ReadAsStreamAsync();
        var buffer = new byte[64];
        var read = await body.ReadAtLeastAsync(buffer, ": keep-alive\n\n".Length);
        Assert.StartsWith(": keep-alive\n\n", System.Text.Encoding.UTF8.GetString(buffer, 0, read));
        fake.Release(100);
        using var rest = new MemoryStream();
        await body.CopyToAsync(rest);
        Assert.True(Sse.Parse(rest.ToArray()) is { IsDone: true });
    }

    [Fact]
    public async Task HeadersKeepProxiesFromHoldingTheStreamBack()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Path)
        {
            Content = new StringContent(
            Hello + "}",
            System.Text.Encoding.UTF8,
            "application/json")
        };
        request.Headers.AcceptEncoding.ParseAdd("gzip, deflate");
        using var response = await storyteller.Server.Client.SendAsync(
            request,
            HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(
            "no-cache, no-store",
            response.Headers.CacheControl!.ToString().Replace(
                "no-store, no-cache",
                "no-cache, no-store",
                StringComparison.Ordinal));
        Assert.Equal("no", response.Headers.GetValues("X-Accel-Buffering").Single());
        Assert.Empty(response.Content.Headers.ContentEncoding);
    }
}
