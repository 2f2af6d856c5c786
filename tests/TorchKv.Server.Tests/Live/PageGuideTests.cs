using TorchKv.Server.Tests.Support;

namespace TorchKv.Server.Tests.Live;

/// <summary>What a visitor can cause on the live page, and what the page says of it.</summary>
public sealed class PageGuideTests(Browser browser)
{
    private const string IsIdle =
        "document.querySelector('#stop').hidden && torchkv.state.requests.size > 0 "
        + "&& [...torchkv.state.requests.values()].every(r => r.ended_at !== undefined)";

    [Fact]
    public async Task FourButtonsCauseWhatTheyName()
    {
        await using var tiny = await TinyEngine.StartAsync(blocks: 64);
        await using var page = await browser.OpenAsync(tiny.Server.Address);
        await page.UntilAsync("torchkv.state.blocks.length === 64");
        Assert.Equal(4, await page.Page.Locator("#ideas li").CountAsync());

        // The next thing to do stands out.
        Assert.Equal("send", await page.Page.GetAttributeAsync("#ideas li.next", "data-idea"));
        foreach (var (action, seen) in ((string, string)[])[
            ("send", "blocks held at once"),
            ("again", "prompt tokens found again"),
            ("four", "answers in one step"),
            ("fill", "preemption")])
        {
            await page.Page.ClickAsync($"[data-do={action}]");
            await page.UntilAsync($"document.querySelector('[data-idea={action}] .seen').textContent.includes('{seen}')");
            await page.UntilAsync(IsIdle);
        }

        Assert.Equal(0, await page.Page.Locator("#ideas li.next").CountAsync());
        Assert.True(tiny.Engine.Stats.Preemptions > 0);
        Assert.Matches("^. requests with 4 answers of [0-9]+ tokens each: . done.$", await page.TextAsync("#try-status"));
        Assert.Empty(page.Mistakes);
    }

    [Fact]
    public async Task APoolThatIsTooLargeToFillIsNamed()
    {
        await using var tiny = await TinyEngine.StartAsync(blocks: 4096);
        await using var page = await browser.OpenAsync(tiny.Server.Address);
        await page.UntilAsync("torchkv.state.blocks.length === 4096");
        await page.Page.ClickAsync("[data-do=fill]");
        await page.UntilAsync("document.querySelector('#try-status').textContent.includes('pool of 4,096 blocks')");
        Assert.Equal(0, await page.ReadAsync<int>("torchkv.state.requests.size"));
    }

    [Fact]
    public async Task ASchemaShowsItsCompilationAndGivesJson()
    {
        await using var tiny = await TinyEngine.StartAsync();
        await using var page = await browser.OpenAsync(tiny.Server.Address);
        await page.UntilAsync("torchkv.state.blocks.length === 64");
        await page.Page.CheckAsync("#schema-on");
        await page.Page.ClickAsync("#send");
        await page.UntilAsync("[...document.querySelectorAll('#try .usage')].every(u => u.textContent.includes('generated'))");
        Assert.True(await page.ReadAsync<bool>(
            "[...document.querySelectorAll('#try .answer')].every(a => Number.isInteger(JSON.parse(a.textContent).age))"));
        await page.UntilAsync(IsIdle);
        await page.UntilAsync("document.querySelectorAll('.lane .span.compile').length === 2");

        await page.Page.FillAsync("#schema", "{\"type\":");
        await page.Page.ClickAsync("#send");
        await page.UntilAsync("document.querySelector('#try .usage').textContent.startsWith('The schema is no JSON')");
        await page.Page.FillAsync("#schema", """{"type":"string","contentSchema":{}}""");
        await page.Page.ClickAsync("#send");
        await page.UntilAsync("document.querySelector('#try .usage').textContent.includes('contentSchema')");
    }

    [Fact]
    public async Task SpeculationShowsItsDrafts()
    {
        await using var tiny = await TinyEngine.StartAsync();
        await using var page = await browser.OpenAsync(tiny.Server.Address);
        await page.UntilAsync("torchkv.state.blocks.length === 64");
        var song = string.Concat(Enumerable.Repeat("The wheels on the bus go round and round. ", 8));
        await page.Page.Locator("#try textarea").Nth(0).FillAsync(song);
        await page.Page.SelectOptionAsync("#speculation", "prompt_lookup");
        var asked = await page.Page.RunAndWaitForRequestAsync(
            () => page.Page.ClickAsync("#send"), request => request.PostData?.Contains("The wheels") == true
                && request.Url.EndsWith("/v1/completions", StringComparison.Ordinal));
        Assert.Contains("\"speculation\":\"prompt_lookup\"", asked.PostData);
        await page.UntilAsync(IsIdle);

        // Whether drafts are worthwhile depends on the measured time of steps; what was drafted is shown.
        await page.UntilAsync(
            "[...torchkv.state.requests.values()].every(r => !r.drafted_tokens "
            + "|| document.querySelector(`[data-request='${r.number}']`).textContent.includes(` of ${r.drafted_tokens} drafts`))");
        Assert.Empty(page.Mistakes);
    }

    [Fact]
    public async Task TheKeyboardAloneCausesAndReadsIt()
    {
        await using var tiny = await TinyEngine.StartAsync();
        await using var page = await browser.OpenAsync(tiny.Server.Address);
        await page.UntilAsync("torchkv.state.blocks.length === 64");
        await TabToAsync(page, "[data-do=send]");
        await page.Page.Keyboard.PressAsync("Enter");
        await page.UntilAsync("[...document.querySelectorAll('#try .usage')].every(u => u.textContent.includes('generated'))");
        await TabToAsync(page, "#grid");
        await page.Page.Keyboard.PressAsync("Home");
        await page.UntilAsync("document.querySelector('#block').textContent.startsWith('Block 0: cached')");
        await TabToAsync(page, "#why");
        await page.Page.Keyboard.PressAsync("Space");
        await page.UntilAsync("document.querySelectorAll('.why[data-hits=\"3\"]').length === 2");
        await TabToAsync(page, "summary");
        await page.Page.Keyboard.PressAsync("Enter");
        await page.UntilAsync("document.querySelectorAll('#block-table tbody tr').length > 2");
    }

    /// <summary>Presses the tabulator until an element has the focus, which shows.</summary>
    private static async Task TabToAsync(BrowserPage page, string selector)
    {
        for (var presses = 0; !await page.ReadAsync<bool>($"document.activeElement.matches('{selector}')"); presses++)
        {
            Assert.True(presses < 60, selector);
            await page.Page.Keyboard.PressAsync("Tab");
        }

        Assert.Equal("solid", await page.ReadAsync<string>("getComputedStyle(document.activeElement).outlineStyle"));
    }
}
