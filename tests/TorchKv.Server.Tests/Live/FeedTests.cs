using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TorchKv.Server.Live;
using TorchKv.Server.Tests.Support;

namespace TorchKv.Server.Tests.Live;

/// <summary>The live page's feed over HTTP.</summary>
public sealed class FeedTests
{
    private const string Ask = """{"model":"tiny","prompt":"Once upon a time there was","max_tokens":20}""";

    [Fact]
    public async Task ASnapshotComesFirstThenNumberedSteps()
    {
        await using var tiny = await TinyEngine.StartAsync();
        using var feed = await FeedReader.OpenAsync(tiny.Server);
        var (id, name, snapshot) = (await feed.NextAsync())!.Value;
        Assert.Equal("snapshot", name);
        Assert.Equal("tiny", (string?)snapshot["model"]);
        Assert.Equal(64, (int)snapshot["state"]!["total_blocks"]!);
        var seq = (long?)snapshot["seq"] ?? 0;
        Assert.EndsWith($"-{seq}", id);
        await tiny.Server.AskAsync("/v1/completions", Ask);
        var generated = 0;
        while (generated < 20)
        {
            var (_, next, step) = (await feed.NextAsync())!.Value;
            Assert.Equal("step", next);
            Assert.Equal(++seq, (long)step["seq"]!);
            foreach (var request in step["changes"]!["requests"]?.AsArray() ?? [])
            {
                generated = (int?)request!["generated_tokens"] ?? 0;
            }
        }
    }

    [Fact]
    public async Task AViewerTakesUpWhereItsConnectionBroke()
    {
        await using var tiny = await TinyEngine.StartAsync();
        using var stays = await FeedReader.OpenAsync(tiny.Server);
        await stays.NextAsync();
        var first = await AfterAsync();
        var second = await AfterAsync();
        using var back = await FeedReader.OpenAsync(tiny.Server, first.Id);
        var missed = (await back.NextAsync())!.Value;
        Assert.Equal("step", missed.Name);
        Assert.Equal((long)first.Data["seq"]! + 1, (long)missed.Data["seq"]!);

        using var stranger = await FeedReader.OpenAsync(tiny.Server, "0123abcd-1");
        Assert.Equal("snapshot", (await stranger.NextAsync())!.Value.Name);
        using var future = await FeedReader.OpenAsync(tiny.Server, second.Id + "000");
        Assert.Equal("snapshot", (await future.NextAsync())!.Value.Name);

        async Task<(string Id, string Name, JsonNode Data)> AfterAsync()
        {
            await tiny.Server.AskAsync("/v1/completions", Ask);
            return (await stays.NextAsync())!.Value;
        }
    }

    [Fact]
    public async Task OneViewerTooManyIsRefusedUntilAnotherLeaves()
    {
        await using var tiny = await TinyEngine.StartAsync();
        var viewers = new List<FeedReader>();
        for (var i = 0; i < LiveFeed.MaxViewers; i++)
        {
            viewers.Add(await FeedReader.OpenAsync(tiny.Server));
        }

        using (var refused = await FeedReader.SendAsync(tiny.Server))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.NotNull(refused.Headers.RetryAfter);
            var error = JsonNode.Parse(await refused.Content.ReadAsStringAsync())!["error"]!;
            Assert.Equal("too_many_viewers", (string?)error["code"]);
        }

        viewers[0].Dispose();
        await DisconnectTests.UntilAsync(() =>
        {
            using var response = FeedReader.SendAsync(tiny.Server).GetAwaiter().GetResult();
            return response.StatusCode == HttpStatusCode.OK;
        });
        viewers.ForEach(viewer => viewer.Dispose());
    }

    [Fact]
    public async Task TheEngineIsWatchedOnlyWhileThereAreViewers()
    {
        await using var tiny = await TinyEngine.StartAsync();
        var feed = tiny.Server.App.Services.GetRequiredService<LiveFeed>();
        Assert.False(feed.IsRunning);
        using (var viewer = await FeedReader.OpenAsync(tiny.Server))
        {
            await viewer.NextAsync();
            Assert.True(feed.IsRunning);
        }

        await DisconnectTests.UntilAsync(() => !feed.IsRunning);

        // The engine has one watch at a time; the server's is over.
        await using var watch = await tiny.Engine.WatchAsync();
    }

    [Fact]
    public void AViewerThatDoesNotReadGetsNoMore()
    {
        var viewer = new LiveViewer(lastEventId: null);
        var next = new LiveEvent(1, [1]);
        for (var i = 0; i < LiveViewer.MaxWaiting; i++)
        {
            Assert.True(viewer.TryWrite(next));
        }

        Assert.False(viewer.IsSlow);
        Assert.False(viewer.TryWrite(next));
        Assert.True(viewer.IsSlow);
        Assert.False(viewer.TryWrite(next));
    }

    [Fact]
    public void TheRingKnowsWhatItNoLongerHas()
    {
        var ring = new LiveRing();
        Assert.Empty(ring.After(0)!);
        for (var seq = 1; seq <= 300; seq++)
        {
            ring.Add(new LiveEvent(seq, [0]));
        }

        Assert.Equal([299L, 300L], ring.After(298)!.Select(e => e.Seq));
        Assert.Empty(ring.After(300)!);
        Assert.Null(ring.After(1));
        Assert.Null(ring.After(301));
        ring.Add(new LiveEvent(301, new byte[5 << 20]));
        Assert.Equal([301L], ring.After(300)!.Select(e => e.Seq));
        Assert.Null(ring.After(299));
    }

    [Fact]
    public async Task TheFeedEndsWhenTheServerStops()
    {
        await using var tiny = await TinyEngine.StartAsync();
        using var feed = await FeedReader.OpenAsync(tiny.Server);
        await feed.NextAsync();
        var stopped = tiny.Server.App.StopAsync();
        while (await feed.NextAsync() is not null)
        {
        }

        await stopped;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TextIsShownOnlyWhereTheServerIsToldTo(bool shows)
    {
        await using var tiny = await TinyEngine.StartAsync(options => options.PageText = shows);
        await tiny.Server.AskAsync(
            "/v1/completions", """{"model":"tiny","prompt":"Once upon a time there was a rabbit.","max_tokens":30}""");
        using var feed = await FeedReader.OpenAsync(tiny.Server);
        var text = (await feed.NextAsync())!.Value.Data.ToJsonString();
        Assert.Contains("\"blocks\":[{", text);
        Assert.Equal(shows, text.Contains("rabbit", StringComparison.Ordinal));
        Assert.Equal(shows, text.Contains("\"tokens\":[", StringComparison.Ordinal));
    }

    [Fact]
    public async Task AGeneratorThatCannotBeWatchedSaysSo()
    {
        await using var server = await RunningServer.StartAsync(
            new FakeGenerator(Support.Storyteller.Tokenizer));
        using var response = await FeedReader.SendAsync(server);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        var error = JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!;
        Assert.Equal("not_watchable", (string?)error["code"]);
    }
}
