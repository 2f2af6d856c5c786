using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using TorchKv.Server.Configuration;
using TorchKv.Server.Page;
using TorchKv.Server.Tests.Support;
using TorchKv.TestSupport;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests.Live;

/// <summary>The live page in a real browser, over a real model.</summary>
public sealed class PageTests(Browser browser)
{
    // 38 tokens: two full blocks, and 6 tokens of a third.
    private const string Words =
        "Once upon a time there was a little girl named Lily. She lived in a small house near the forest with her "
        + "mother and her father. One sunny morning she went out";

    [Fact]
    public async Task SharedCellsHitsAndPhasesAreShownExactly()
    {
        await using var tiny = await TinyEngine.StartAsync(steps: 1);
        await using var page = await browser.OpenAsync(tiny.Server.Address);
        await page.UntilAsync("torchkv.state.blocks.length === 64");
        var tokens = Storyteller.Tokenizer.Encode(Words).Count;
        Assert.InRange(tokens, 33, 47);
        var four = tiny.Server.AskAsync("/v1/completions", Body(Words, """ "n":4,"max_tokens":30 """));

        // Once they decode, each sample has copied the third block.
        await StepUntilAsync(tiny, page, "[...torchkv.state.requests.values()].some(r => r.phase === 'decode')");
        var one = tiny.Server.AskAsync("/v1/completions", Body(Words + " again", """ "max_tokens":30 """));
        await StepUntilAsync(tiny, page, "torchkv.state.blocks.filter(b => b && b.holders === 5).length === 2");
        Assert.Equal(2, await page.ReadAsync<int>("torchkv.state.blocks.filter(b => b && b.holders > 1).length"));
        Assert.Equal(32, await page.ReadAsync<int>("torchkv.state.counters.prefix_hit_tokens"));
        await page.UntilAsync("document.querySelector('#saved').textContent === '32'");
        await page.UntilAsync($"document.querySelectorAll('.lane').length >= 2");
        var lanes = await page.TextAsync("#lanes");
        Assert.Contains($"32 of {Storyteller.Tokenizer.Encode(Words + " again").Count} cached", lanes);
        Assert.Contains($"0 of {tokens} cached", lanes);
        await page.UntilAsync("document.querySelector('#tree-text').textContent.includes('2 blocks shared now')");
        Assert.Equal("2 blocks × 5", await page.ReadAsync<string>("document.querySelector('.tree .count').textContent"));

        tiny.Runner.Release(1000);
        await four;
        await one;
        await page.UntilAsync("[...torchkv.state.requests.values()].every(r => r.phase === 'done')");
        await page.UntilAsync("document.querySelectorAll('.lane[data-phase=done]').length >= 2");
        await page.UntilAsync("torchkv.state.blocks.every(b => !b || b.state === 'cached')");
        Assert.Empty(page.Mistakes);
    }

    [Fact]
    public async Task TheBoxSendsBothPromptsAndExplainsAMissingHit()
    {
        await using var tiny = await TinyEngine.StartAsync(options => options.PageText = true);
        await using var page = await browser.OpenAsync(tiny.Server.Address);
        await page.UntilAsync("torchkv.state.blocks.length === 64");
        await page.Page.ClickAsync("#send");
        var usage = page.Page.Locator("#try .usage");
        await page.UntilAsync("[...document.querySelectorAll('#try .usage')].every(u => u.textContent.includes('generated'))");
        await page.Page.ClickAsync("#again");
        await page.UntilAsync("[...document.querySelectorAll('#try .usage')].every(u => u.textContent.startsWith('48 of 5'))");
        Assert.Contains("48 of 5", await usage.Nth(0).InnerTextAsync());

        var box = page.Page.Locator("#try textarea").Nth(0);
        await box.FillAsync((await box.InputValueAsync()).Replace("Lily", "Anna", StringComparison.Ordinal));
        await page.Page.ClickAsync("#why");
        await page.UntilAsync("document.querySelector('.why[data-reason=different_token]')");
        var why = page.Page.Locator(".why").Nth(0);
        var ids = Storyteller.Tokenizer.Encode(await box.InputValueAsync());
        var position = Enumerable.Range(0, ids.Count).First(
            i => Storyteller.Tokenizer.Decode([ids[i]]) == " Anna");
        Assert.Equal(
            $"No block of the prompt is cached. Block 0 differs from the nearest cached one at token {position}.",
            await why.Locator(".reason").InnerTextAsync());
        Assert.Equal(["·Anna", "·Lily"], await why.Locator("td.differs").AllInnerTextsAsync());

        await page.Page.Locator("#try select").Nth(1).SelectOptionAsync("two");
        await page.Page.ClickAsync("#why");
        await page.UntilAsync("document.querySelectorAll('.why')[1]?.dataset.reason === 'other_tenant'");
        Assert.EndsWith(
            "Block 0 is cached for another tenant, and tenants never share.",
            await page.Page.Locator(".why .reason").Nth(1).InnerTextAsync());
        Assert.Empty(page.Mistakes);
    }

    [Fact]
    public async Task TwoTenantsAreTwoRoots()
    {
        await using var tiny = await TinyEngine.StartAsync();
        await using var page = await browser.OpenAsync(tiny.Server.Address);
        await page.UntilAsync("torchkv.state.blocks.length === 64");
        await tiny.Server.AskAsync("/v1/completions", Body(Words, """ "cache_salt":"one","max_tokens":2 """));
        await tiny.Server.AskAsync("/v1/completions", Body(Words, """ "cache_salt":"two","max_tokens":2 """));
        await page.UntilAsync("document.querySelectorAll('.tree .root').length === 2");
        Assert.Equal(["tenant 1", "tenant 2"], await page.Page.Locator(".tree .root").AllTextContentsAsync());
        Assert.Equal(0, await page.ReadAsync<int>("torchkv.state.counters.prefix_hit_tokens ?? 0"));
        Assert.DoesNotContain("\"one\"", await page.ReadAsync<string>("JSON.stringify([...torchkv.state.requests.values()])"));
    }

    [Fact]
    public async Task AnAdminsKeyIsAskedForOnce()
    {
        await using var tiny = await TinyEngine.StartAsync(options => options.AdminKey = "sk-admin");
        await using var page = await browser.OpenAsync(tiny.Server.Address);
        await page.Page.FillAsync("#key input", "sk-admin");
        await page.Page.ClickAsync("#key button");
        await page.UntilAsync("torchkv.state.blocks.length === 64");
        Assert.False(await page.Page.IsVisibleAsync("#key"));
        await page.Page.ReloadAsync();
        await page.UntilAsync("torchkv.state.blocks.length === 64");
    }

    [Fact]
    public async Task PauseHoldsThePictureAndStepShowsTheNextEvent()
    {
        await using var tiny = await TinyEngine.StartAsync();
        await using var page = await browser.OpenAsync(tiny.Server.Address);
        await page.UntilAsync("torchkv.state.blocks.length === 64");
        await page.Page.ClickAsync("#pause");
        await tiny.Server.AskAsync("/v1/completions", Body(Words, """ "max_tokens":4 """));
        await Task.Delay(400);
        var before = await page.ReadAsync<int>("torchkv.state.seq");
        Assert.Equal(0, await page.ReadAsync<int>("torchkv.state.used().length"));
        await page.Page.ClickAsync("#step");
        Assert.Equal(before + 1, await page.ReadAsync<int>("torchkv.state.seq"));
        await page.Page.ClickAsync("#pause");
        await page.UntilAsync("torchkv.state.used().length > 0");
    }

    [Fact]
    public async Task ARecordingShowsTheSameWithoutAServer()
    {
        await using var tiny = await TinyEngine.StartAsync();
        await using var page = await browser.OpenAsync(tiny.Server.Address);
        await page.UntilAsync("torchkv.state.blocks.length === 64");
        await page.Page.ClickAsync("#record");
        await page.UntilAsync("document.querySelector('#status').dataset.state === 'live'");
        await tiny.Server.AskAsync("/v1/completions", Body(Words, """ "max_tokens":10,"n":2 """));
        await page.UntilAsync("[...torchkv.state.requests.values()].some(r => r.number > 0 && r.phase === 'done')");
        await page.UntilAsync("torchkv.state.blocks.every(b => !b || b.state === 'cached')");
        var download = await page.Page.RunAndWaitForDownloadAsync(() => page.Page.ClickAsync("#record"));
        using var folder = new TemporaryFolder();
        await download.SaveAsAsync(folder["recording.jsonl"]);
        var blocks = await page.ReadAsync<string>("JSON.stringify(torchkv.state.blocks)");

        await using var replay = await ReplayedAsync(ReplayFolder.Of(folder["recording.jsonl"]));
        await using var shown = await browser.OpenAsync(replay.Address);
        await shown.UntilAsync("torchkv.player.lines && torchkv.player.at === torchkv.player.lines.length - 1");
        Assert.Equal(blocks, await shown.ReadAsync<string>("JSON.stringify(torchkv.state.blocks)"));
        Assert.Equal("recording", await shown.TextAsync("#status"));
        Assert.False(await shown.Page.IsVisibleAsync("#try"));
        Assert.Empty(shown.Mistakes);

        await shown.Page.Locator("#seek").FillAsync("0");
        await shown.UntilAsync("torchkv.player.at === 0");
    }

    [Fact]
    public async Task TheDemoOfTheDocumentsPlays()
    {
        await using var replay = await ReplayedAsync(ReplayFolder.Of(RepositoryFiles.At("docs", "page-demo.jsonl")));
        await using var page = await browser.OpenAsync(replay.Address);
        await page.UntilAsync("torchkv.player.lines?.length > 20");
        await page.ReadAsync<object>("torchkv.player.seek(torchkv.player.lines.length - 1)");
        var counters = JsonNode.Parse(await page.ReadAsync<string>("JSON.stringify(torchkv.state.counters)"))!;
        Assert.True((int)counters["prefix_hit_tokens"]! > 0);
        Assert.True((int)counters["preemptions"]! > 0);
        Assert.True((int)counters["evictions"]! > 0);
        await page.UntilAsync("document.querySelectorAll('.tree .root').length >= 2");
        Assert.Empty(page.Mistakes);
    }

    /// <summary>Lets the engine run step by step until an expression is true on the page.</summary>
    private static async Task StepUntilAsync(TinyEngine tiny, BrowserPage page, string expression)
    {
        for (var steps = 0; !await page.ReadAsync<bool>("() => " + expression); steps++)
        {
            Assert.True(steps < 20, expression);
            tiny.Runner.Release(1);
            await Task.Delay(150);
        }
    }

    private static string Body(string prompt, string more) =>
        $$"""{"model":"tiny","prompt":{{JsonValue.Create(prompt).ToJsonString()}},"seed":1,"ignore_eos":true,{{more}}}""";

    private static async Task<ReplayedServer> ReplayedAsync(ReplayFolder folder)
    {
        var stop = new CancellationTokenSource();
        var ready = new TaskCompletionSource<Uri>();
        var run = ReplayServer.RunAsync(
            folder,
            new TorchKvServerOptions { Port = 0 },
            builder => builder.Logging.ClearProviders(),
            onReady: addresses => ready.TrySetResult(new Uri(addresses[0])),
            cancellationToken: stop.Token);
        await Task.WhenAny(run, ready.Task);
        return new ReplayedServer(await ready.Task, run, stop);
    }

    private sealed record ReplayedServer(Uri Address, Task Run, CancellationTokenSource Stop) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await Stop.CancelAsync();
            await Run;
            Stop.Dispose();
        }
    }
}
