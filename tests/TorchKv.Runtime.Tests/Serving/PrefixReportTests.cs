using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Contracts.Live;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>Why a prompt is not cached, in blocks of 4 tokens.</summary>
[Trait("speed", "fast")]
public sealed class PrefixReportTests
{
    private static readonly int[] Prompt = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

    [Fact]
    public async Task APromptThatWasNeverThereIsNeverComputed()
    {
        await using var engine = new Engine(new FakeRunner(32));
        var report = await engine.ExplainPrefixAsync(Prompt);
        Assert.Equal((PrefixReason.NeverComputed, 0, 10), (report.Reason, report.HitTokens, report.PromptTokens));
        Assert.Equal([1, 2, 3, 4], report.Tokens);
        Assert.Null(report.NearestBlock);
    }

    [Fact]
    public async Task TheRestOfAPromptIsLessThanOneBlock()
    {
        await using var engine = await AfterAsync(Prompt);
        var report = await engine.ExplainPrefixAsync(Prompt);
        Assert.Equal((PrefixReason.LessThanOneBlock, 8, 2), (report.Reason, report.HitTokens, report.MissedBlock));
        Assert.Equal([9, 10], report.Tokens);
        Assert.Equal(PrefixReason.LessThanOneBlock, (await engine.ExplainPrefixAsync([1, 2, 3])).Reason);
    }

    [Fact]
    public async Task TheBlockOfTheLastTokenIsComputedAgain()
    {
        await using var engine = await AfterAsync(Prompt);
        var report = await engine.ExplainPrefixAsync(Prompt[..8]);
        Assert.Equal((PrefixReason.LastTokenIsComputed, 4), (report.Reason, report.HitTokens));
        Assert.Equal(4, await CachedTokensAsync(engine, Prompt[..8]));
    }

    [Fact]
    public async Task ADifferentTokenIsNamedByItsPosition()
    {
        await using var engine = await AfterAsync(Prompt);
        await RunAsync(engine, [1, 2, 3, 4, 20, 21, 22, 23, 24]);
        var report = await engine.ExplainPrefixAsync([1, 2, 3, 4, 5, 6, 30, 8, 9, 10]);
        Assert.Equal((PrefixReason.DifferentToken, 6, 4), (report.Reason, report.DifferingPosition!.Value, report.HitTokens));
        Assert.Equal([5, 6, 30, 8], report.Tokens);
        Assert.Equal([5, 6, 7, 8], report.NearestTokens!);
    }

    [Fact]
    public async Task AnotherTenantsBlockIsNamedAsSuch()
    {
        await using var engine = await AfterAsync(Prompt, salt: "one");
        var other = await engine.ExplainPrefixAsync(Prompt, "two");
        Assert.Equal((PrefixReason.OtherTenant, 0), (other.Reason, other.HitTokens));
        Assert.Null(other.NearestTokens);
        Assert.Equal(PrefixReason.OtherTenant, (await engine.ExplainPrefixAsync(Prompt)).Reason);
        Assert.Equal(PrefixReason.LessThanOneBlock, (await engine.ExplainPrefixAsync(Prompt, "one")).Reason);
    }

    [Fact]
    public async Task AnEvictedBlockIsNamedWhileTheEngineIsWatched()
    {
        await using var engine = await AfterAsync(Prompt);
        await engine.DropCachedBlocksAsync();
        Assert.Equal(PrefixReason.NeverComputed, (await engine.ExplainPrefixAsync(Prompt)).Reason);

        await using var watch = await engine.WatchAsync();
        await RunAsync(engine, Prompt);
        await engine.DropCachedBlocksAsync();
        var report = await engine.ExplainPrefixAsync(Prompt);
        Assert.Equal(PrefixReason.Evicted, report.Reason);
        Assert.True(report.EvictedMillisecondsAgo >= 0);
        Assert.Equal(PrefixReason.NeverComputed, (await engine.ExplainPrefixAsync(Prompt, "salt")).Reason);
    }

    [Fact]
    public async Task WithoutAnIndexCachingIsOff()
    {
        await using var engine = new Engine(
            new FakeRunner(32),
            options: new EngineOptions { Scheduling = new SchedulingOptions { PrefixCaching = false } });
        Assert.Equal(PrefixReason.CachingOff, (await engine.ExplainPrefixAsync(Prompt)).Reason);
    }

    [Fact]
    public async Task APromptThatNoRequestCouldHaveIsRefused()
    {
        await using var engine = new Engine(new FakeRunner(32, context: 16));
        await Assert.ThrowsAsync<RequestException>(() => engine.ExplainPrefixAsync([]));
        await Assert.ThrowsAsync<RequestException>(() => engine.ExplainPrefixAsync([99]));
        await Assert.ThrowsAsync<ContextLengthException>(() => engine.ExplainPrefixAsync(new int[17]));
    }

    private static async Task<Engine> AfterAsync(int[] prompt, string? salt = null)
    {
        var engine = new Engine(new FakeRunner(32));
        await RunAsync(engine, prompt, salt);
        return engine;
    }

    private static async Task RunAsync(Engine engine, int[] prompt, string? salt = null)
    {
        await foreach (var _ in engine.GenerateAsync(
            prompt, new GenerationOptions { MaxNewTokens = 1, CacheSalt = salt, EosTokenIds = [] }))
        {
        }
    }

    private static async Task<int> CachedTokensAsync(Engine engine, int[] prompt)
    {
        var cached = -1;
        await foreach (var piece in engine.GenerateAsync(prompt, new GenerationOptions { MaxNewTokens = 1, EosTokenIds = [] }))
        {
            cached = piece.Usage?.CachedTokens ?? cached;
        }

        return cached;
    }
}
