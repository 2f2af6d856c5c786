using TorchKv.Server.Tests.Support;

namespace TorchKv.Server.Tests.Live;

/// <summary>Why a prompt is not cached, over HTTP.</summary>
public sealed class ExplainTests
{
    private const string Words = "Once upon a time there was a little girl named Lily. She lived in a small house near";

    [Fact]
    public async Task ADifferentTokenIsNamedAndTheCachedOneHidden()
    {
        await using var tiny = await TinyEngine.StartAsync();
        await AskAsync(tiny, Words, "");
        var answer = await tiny.Server.AskAsync("/live/explain", $$"""{"prompt":"{{Words.Replace("Lily", "Anna")}}"}""");
        var report = answer["report"]!;
        Assert.Equal("different_token", (string?)report["reason"]);
        Assert.Null(report["hit_blocks"]!.AsArray().FirstOrDefault());
        Assert.Equal(" Anna", (string?)answer["texts"]![(int)report["differing_position"]!]);
        Assert.Null(answer["nearest_texts"]);
        Assert.Null(report["nearest_tokens"]);
        Assert.Contains($"at token {report["differing_position"]}", (string?)answer["sentence"]);
    }

    [Fact]
    public async Task WithTextTheCachedTokensStandBesideTheOthers()
    {
        await using var tiny = await TinyEngine.StartAsync(options => options.PageText = true);
        await AskAsync(tiny, Words, "");
        var answer = await tiny.Server.AskAsync("/live/explain", $$"""{"prompt":"{{Words.Replace("Lily", "Anna")}}"}""");
        var at = (int)answer["report"]!["differing_position"]!;
        Assert.Equal(" Lily", (string?)answer["nearest_texts"]![at]);
        Assert.Equal(" Anna", (string?)answer["texts"]![at]);
    }

    [Fact]
    public async Task AnotherTenantsBlocksAreNoHit()
    {
        await using var tiny = await TinyEngine.StartAsync();
        await AskAsync(tiny, Words, ",\"cache_salt\":\"one\"");
        var two = await tiny.Server.AskAsync("/live/explain", $$"""{"prompt":"{{Words}}","cache_salt":"two"}""");
        Assert.Equal("other_tenant", (string?)two["report"]!["reason"]);
        var one = await tiny.Server.AskAsync("/live/explain", $$"""{"prompt":"{{Words}}","cache_salt":"one"}""");
        Assert.Equal("less_than_one_block", (string?)one["report"]!["reason"]);
    }

    [Theory]
    [InlineData("{}", "prompt")]
    [InlineData("""{"prompt":5}""", "prompt")]
    [InlineData("""{"prompt":""}""", "prompt")]
    public async Task WhatIsNoPromptIsRefused(string body, string field)
    {
        await using var tiny = await TinyEngine.StartAsync();
        Assert.Equal(field, (string?)(await tiny.Server.RefusedAsync("/live/explain", body, 400))["param"]);
    }

    private static Task AskAsync(TinyEngine tiny, string prompt, string more) => tiny.Server.AskAsync(
        "/v1/completions", $$"""{"model":"tiny","prompt":"{{prompt}}","max_tokens":1{{more}}}""");
}
