using System.Text.Json.Nodes;
using TorchKv.Server.Tests.Support;

namespace TorchKv.Server.Tests.Live;

/// <summary>The live page for every eye, hand and screen, and at size.</summary>
public sealed class PageForPeopleTests(Browser browser)
{
    [Fact]
    public async Task TenThousandBlocksAreDrawnByWhatChanges()
    {
        await using var tiny = await TinyEngine.StartAsync();
        await using var page = await browser.OpenAsync(tiny.Server.Address);
        await page.UntilAsync("torchkv.state.blocks.length === 64");
        var seen = JsonNode.Parse(await page.ReadAsync<string>("""
            async () => {
              const { state, grid, feed } = torchkv;
              feed.stop();
              const frame = () => new Promise(requestAnimationFrame);
              const block = index => ({ index, state: 'held', holders: 1 + index % 3, filled: 1 + index % 16, requests: [index % 40], parent: -1, generation: state.version });
              state.apply({ type: 'snapshot', seq: 1, state: { time: 0, block_size: 16, total_blocks: 10000, context_length: 1024,
                blocks: Array.from({ length: 6000 }, (_, i) => block(i)), requests: [], steps: [], counters: {} } });
              await frame(); await frame();
              const cells = [Math.floor(grid.canvas.clientWidth / grid.cell), grid.canvas.clientHeight];
              // Busy: 300 blocks change ten times a second.
              let frames = grid.frames, drawn = grid.drawnCells, start = performance.now();
              for (let tick = 0; tick < 20; tick++) {
                const at = performance.now();
                state.apply({ type: 'step', seq: 2 + tick, changes: { time: tick * 100, counters: {},
                  blocks: Array.from({ length: 300 }, (_, i) => block((tick * 300 + i) % 10000)) } });
                while (performance.now() - at < 100) await frame();
              }
              const busy = { frames: grid.frames - frames, cells: grid.drawnCells - drawn, ms: performance.now() - start };
              // Idle: once the outlines are gone, nothing is drawn.
              await new Promise(resolve => setTimeout(resolve, 900));
              frames = grid.frames; drawn = grid.drawnCells;
              for (let i = 0; i < 30; i++) await frame();
              const idle = { frames: grid.frames - frames, cells: grid.drawnCells - drawn };
              state.apply({ type: 'step', seq: 30, changes: { time: 1, counters: {}, blocks: [{ index: 9999 }] } });
              frames = grid.frames; drawn = grid.drawnCells;
              await frame(); await frame();
              return JSON.stringify({ busy, idle, one: grid.drawnCells - drawn, cells });
            }
            """))!;
        TestContext.Current.SendDiagnosticMessage("10,000 blocks: " + seen.ToJsonString());
        TestContext.Current.TestOutputHelper!.WriteLine(seen.ToJsonString());
        Assert.True((int)seen["busy"]!["frames"]! > 20, "frames were drawn while blocks changed");

        // Each change is drawn, and redrawn for as long as its outline flashes: at most 8 of the ticks in any frame.
        var busy = seen["busy"]!;
        Assert.InRange((int)busy["cells"]!, 20 * 300, (int)busy["frames"]! * 300 * 9);
        Assert.Equal(30, (int)seen["idle"]!["frames"]!);
        Assert.Equal(0, (int)seen["idle"]!["cells"]!);
        Assert.Equal(1, (int)seen["one"]!);
    }

    [Fact]
    public async Task ArrowKeysMoveAndTellWhatABlockHolds()
    {
        await using var tiny = await TinyEngine.StartAsync();
        await using var page = await browser.OpenAsync(tiny.Server.Address, reducesMotion: true);
        await page.UntilAsync("torchkv.state.blocks.length === 64");
        await tiny.Server.AskAsync(
            "/v1/completions", """{"model":"tiny","prompt":"Once upon a time there was a cat","max_tokens":20,"ignore_eos":true}""");
        await page.UntilAsync("torchkv.state.used().length > 0");
        await page.Page.FocusAsync("#grid");
        await page.Page.Keyboard.PressAsync("End");
        Assert.Equal("Block 63: free.", await page.TextAsync("#block"));
        await page.Page.Keyboard.PressAsync("Home");
        await page.Page.Keyboard.PressAsync("ArrowRight");
        await page.Page.Keyboard.PressAsync("ArrowLeft");
        Assert.StartsWith("Block 0: ", await page.TextAsync("#block"));
        Assert.Equal("polite", await page.Page.GetAttributeAsync("#block", "aria-live"));
    }

    [Fact]
    public async Task TheTableSaysWhatThePicturesShow()
    {
        await using var tiny = await TinyEngine.StartAsync();
        await using var page = await browser.OpenAsync(tiny.Server.Address);
        await page.UntilAsync("torchkv.state.blocks.length === 64");
        await tiny.Server.AskAsync(
            "/v1/completions", """{"model":"tiny","prompt":"Once upon a time there was a cat","max_tokens":40,"ignore_eos":true}""");
        await page.UntilAsync("torchkv.state.used().length >= 2");
        await page.Page.ClickAsync("summary");
        await page.UntilAsync("document.querySelectorAll('#block-table tbody tr').length === torchkv.state.used().length");
        await page.UntilAsync("document.querySelectorAll('#request-table tbody tr').length === torchkv.state.requests.size");
        Assert.Contains("cached", await page.TextAsync("#block-table"));
        Assert.Equal(7, await page.Page.Locator("#block-table th[scope=col]").CountAsync());
    }

    [Theory]
    [InlineData("page-light.png", 1360, false)]
    [InlineData("page-dark.png", 1360, true)]
    [InlineData("page-narrow.png", 390, false)]
    public async Task ThePageFitsEveryScreen(string picture, int width, bool isDark)
    {
        await using var tiny = await TinyEngine.StartAsync(options => options.PageText = true);
        await using var page = await browser.OpenAsync(tiny.Server.Address, width, isDark);
        await page.UntilAsync("torchkv.state.blocks.length === 64");
        await page.Page.ClickAsync("#send");
        await page.UntilAsync("[...document.querySelectorAll('#try .usage')].every(u => u.textContent.includes('generated'))");
        await page.Page.FillAsync("#max-tokens", "120");
        await page.Page.CheckAsync("#four");
        await page.Page.Locator("#try select").Nth(1).SelectOptionAsync("one");
        await page.Page.ClickAsync("#again");
        await page.UntilAsync("torchkv.state.blocks.filter(b => b && b.holders > 3).length > 4");
        await page.Page.ClickAsync("#pause");
        var box = page.Page.Locator("#try textarea").Nth(0);
        await box.FillAsync((await box.InputValueAsync()).Replace("sunny", "rainy", StringComparison.Ordinal));
        await page.Page.ClickAsync("#why");
        await page.UntilAsync("document.querySelector('.why[data-reason=different_token]')");
        await page.Page.HoverAsync("#grid", new() { Position = new() { X = 12, Y = 12 } });
        await page.UntilAsync("document.querySelector('#block').textContent.startsWith('Block 0: held')");
        await Task.Delay(300);
        await page.ScreenshotAsync(picture);
        Assert.True(await page.ReadAsync<int>("document.documentElement.scrollWidth") <= width);
        Assert.True(await page.ReadAsync<bool>(
            "[...document.querySelectorAll('button, input, select, textarea, canvas')].every(e => e.getBoundingClientRect().right <= innerWidth)"));
        Assert.Empty(page.Mistakes);
    }
}
