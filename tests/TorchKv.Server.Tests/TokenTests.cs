using TorchKv.Server.Tests.Support;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests;

public sealed class TokenTests(Storyteller storyteller)
{
    [Theory]
    [InlineData("Hello, world! 🦊")]
    [InlineData("a<|endoftext|>b")]
    [InlineData("")]
    public async Task TextBecomesIdsAndComesBack(string text)
    {
        var body = System.Text.Json.JsonSerializer.Serialize(
            new { model = "storyteller", prompt = text, return_token_strs = true });
        var tokens = await storyteller.Server.AskAsync("/tokenize", body);
        var ids = tokens["tokens"]!.AsArray().Select(id => (int)id!).ToArray();
        Assert.Equal(storyteller.Engine.Tokenizer!.Encode(text, recognizeSpecialTokens: false), ids);
        Assert.Equal(ids.Length, (int)tokens["count"]!);
        Assert.Equal(512, (int)tokens["max_model_len"]!);
        Assert.Equal(ids.Length, tokens["token_strs"]!.AsArray().Count);
        var back = await storyteller.Server.AskAsync(
            "/detokenize",
            $$"""{"model":"storyteller","tokens":[{{string.Join(',', ids)}}]}""");
        Assert.Equal(text, (string?)back["prompt"]);
    }

    [Fact]
    public async Task AChatIsTokenizedAsItIsAnswered()
    {
        const string Messages = """ "messages":[{"role":"user","content":"Hi"}]} """;
        var tokens = await storyteller.Server.AskAsync("/tokenize", "{" + Messages);
        var rendered = await storyteller.Server.AskAsync(
            "/v1/chat/completions/render",
            """{"model":"storyteller",""" + Messages);
        Assert.Equal(rendered["token_ids"]!.ToJsonString(), tokens["tokens"]!.ToJsonString());
        Assert.Null(tokens["token_strs"]);
    }

    [Theory]
    [InlineData("/tokenize", "{}", "prompt")]
    [InlineData("/tokenize", """{"prompt":"a","messages":[]}""", "prompt")]
    [InlineData("/tokenize", """{"messages":[]}""", "messages")]
    [InlineData("/detokenize", "{}", "tokens")]
    [InlineData("/detokenize", """{"tokens":[4096]}""", "tokens")]
    [InlineData("/detokenize", """{"tokens":[-1]}""", "tokens")]
    [InlineData("/detokenize", """{"tokens":["a"]}""", "tokens[0]")]
    public async Task WhatCannotBeReadIsNamed(string path, string body, string param)
        => Assert.Equal(param, (string?)(await storyteller.Server.RefusedAsync(path, body, 400))["param"]);

    [Fact]
    public async Task RenderingGivesWhatTheEngineWouldGetAndRunsNothing()
    {
        var fake = new FakeGenerator(Storyteller.Tokenizer);
        await using var server = await RunningServer.StartAsync(fake);
        var list = await server.AskAsync(
            "/v1/completions/render",
            """{"model":"fake","prompt":["Hello","Bye"],"temperature":0.125,"top_p":0.5,"max_tokens":7}""");
        Assert.Equal(2, list.AsArray().Count);
        Assert.Equal(Storyteller.Tokenizer.Encode("Hello"), list[0]!["token_ids"]!.AsArray().Select(id => (int)id!));
        Assert.StartsWith("cmpl-", (string?)list[0]!["request_id"]);
        Assert.NotEqual((string?)list[0]!["request_id"], (string?)list[1]!["request_id"]);
        var sampling = list[0]!["sampling_params"]!;
        Assert.Equal(
            (0.125, 0.5, 7),
            ((double)sampling["temperature"]!, (double)sampling["top_p"]!, (int)sampling["max_tokens"]!));
        var chat = await server.AskAsync(
            "/v1/chat/completions/render",
            """{"model":"fake","messages":[{"role":"user","content":"x"}]"""
                + ""","stream":true,"stream_options":{"include_usage":true}}""");
        Assert.True((bool)chat["stream"]!);
        Assert.True((bool)chat["stream_options"]!["include_usage"]!);
        Assert.Equal(0, fake.Started);
    }
}
