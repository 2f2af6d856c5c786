using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using TorchKv.Server.Live;
using TorchKv.Server.Tests.Support;

namespace TorchKv.Server.Tests.Live;

/// <summary>The live page when connections break, servers restart, viewers are too many and files are none.</summary>
public sealed class PageRecoveryTests(Browser browser)
{
    private const string Ask = """{"model":"tiny","prompt":"Once upon a time there was","max_tokens":20}""";

    [Fact]
    public async Task ThePageComesBackWithItsServer()
    {
        var first = await TinyEngine.StartAsync();
        await using var page = await browser.OpenAsync(first.Server.Address);
        await page.UntilAsync("torchkv.state.blocks.length === 64");
        await first.Server.AskAsync("/v1/completions", Ask);
        await page.UntilAsync("torchkv.state.used().length > 0");
        var port = first.Server.Address.Port;
        await first.DisposeAsync();
        await page.UntilAsync("document.querySelector('#status').dataset.state === 'wait'");

        // Another server at the same address, with another pool.
        await using var second = await TinyEngine.StartAsync(options => options.Port = port, blocks: 40);
        await page.UntilAsync("document.querySelector('#status').dataset.state === 'live'");
        await page.UntilAsync("torchkv.state.blocks.length === 40 && torchkv.state.used().length === 0");
        await second.Server.AskAsync("/v1/completions", Ask);
        await page.UntilAsync("torchkv.state.used().length > 0");
    }

    [Fact]
    public async Task ThePageTakesUpWhereItsConnectionBroke()
    {
        await using var tiny = await TinyEngine.StartAsync();
        await using var page = await browser.OpenAsync(tiny.Server.Address);
        await page.UntilAsync("torchkv.state.blocks.length === 64");
        var asked = new List<string?>();
        var came = new TaskCompletionSource();
        await page.Page.RouteAsync("**/live/events", async route =>
        {
            asked.Add(route.Request.Headers.GetValueOrDefault("last-event-id"));
            var body = asked.Count switch
            {
                1 => Event(5, """{"type":"snapshot","seq":5,"model":"m","state":{"total_blocks":8}}""")
                    + Event(6, """{"type":"step","seq":6,"changes":{"time":1,"blocks":[{"index":1,"state":"held","filled":3}]}}"""),
                2 => Event(7, """{"type":"step","seq":7,"changes":{"time":2,"blocks":[{"index":2,"state":"held","filled":4}]}}"""),
                _ => null,
            };
            if (body is null)
            {
                came.TrySetResult();
                await route.AbortAsync();
                return;
            }

            await route.FulfillAsync(new RouteFulfillOptions { Body = body, ContentType = "text/event-stream" });
        });

        // The page asks anew for a snapshot, and its connection ends after each body.
        await page.Page.ClickAsync("#record");
        await came.Task.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal([null, "w-6", "w-7"], asked.Take(3));
        var held = await page.ReadAsync<int[]>("torchkv.state.used().map(b => b.index)");
        Assert.Equal([1, 2], held);

        static string Event(int seq, string data) => $"id: w-{seq}\nevent: step\ndata: {data}\n\n";
    }

    [Fact]
    public async Task ANinthViewerIsToldSoAndLetInLater()
    {
        await using var tiny = await TinyEngine.StartAsync();
        var viewers = new List<FeedReader>();
        for (var i = 0; i < LiveFeed.MaxViewers; i++)
        {
            viewers.Add(await FeedReader.OpenAsync(tiny.Server));
        }

        await using var page = await browser.OpenAsync(tiny.Server.Address);
        await page.UntilAsync("document.querySelector('#notice').textContent.startsWith('8 viewers watch already')");
        Assert.True(await page.Page.IsVisibleAsync("#notice"));
        viewers[0].Dispose();
        await page.UntilAsync("torchkv.state.blocks.length === 64");
        await page.UntilAsync("document.querySelector('#notice').hidden");
        viewers.ForEach(viewer => viewer.Dispose());
    }

    [Fact]
    public async Task OnlyAViewerThatDoesNotReadIsDropped()
    {
        await using var tiny = await TinyEngine.StartAsync();
        var feed = tiny.Server.App.Services.GetRequiredService<LiveFeed>();
        var sleeps = feed.Join(null);
        var reads = feed.Join(null);
        using var stop = new CancellationTokenSource();
        var asking = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await tiny.Server.AskAsync("/v1/completions", Ask);
            }
        });
        long last = -1;
        for (var events = 0; events < LiveViewer.MaxWaiting + 8; events++)
        {
            var next = await reads.Events.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));
            Assert.True(last < 0 || next.Seq == last + 1);
            last = next.Seq;
        }

        await stop.CancelAsync();
        await asking;
        Assert.True(sleeps.IsSlow);
        Assert.False(reads.IsSlow);
        Assert.Equal(LiveViewer.MaxWaiting, sleeps.Events.Count);
        feed.Leave(reads);
    }

    [Theory]
    [InlineData("not json", "line 1 is no JSON")]
    [InlineData("", "it is empty")]
    [InlineData("{\"type\":\"step\",\"changes\":{}}", "a recording begins with a snapshot")]
    [InlineData("{\"type\":\"snapshot\",\"state\":{\"total_blocks\":4000000000}}", "line 1 is no event")]
    [InlineData("{\"type\":\"snapshot\",\"state\":{\"total_blocks\":4}}\n{\"type\":\"st", "line 2 is no JSON")]
    public async Task AFileThatIsNoRecordingLeavesThePageUnchanged(string content, string message)
    {
        await using var tiny = await TinyEngine.StartAsync();
        await using var page = await browser.OpenAsync(tiny.Server.Address);
        await page.UntilAsync("torchkv.state.blocks.length === 64");
        await page.Page.SetInputFilesAsync("#open", new FilePayload
        {
            Name = "bad.jsonl",
            MimeType = "application/jsonl",
            Buffer = System.Text.Encoding.UTF8.GetBytes(content),
        });
        await page.UntilAsync("!document.querySelector('#notice').hidden");
        var notice = await page.TextAsync("#notice");
        Assert.StartsWith("bad.jsonl cannot be shown: ", notice, StringComparison.Ordinal);
        Assert.Contains(message, notice, StringComparison.Ordinal);
        Assert.Equal("live", await page.TextAsync("#status"));
        await tiny.Server.AskAsync("/v1/completions", Ask);
        await page.UntilAsync("torchkv.state.used().length > 0");
        Assert.Empty(page.Mistakes);
    }

    [Fact]
    public async Task FromAnotherMachineThePageNeedsTheAdminsKey()
    {
        var own = NetworkInterface.GetAllNetworkInterfaces()
            .SelectMany(i => i.GetIPProperties().UnicastAddresses)
            .Select(address => address.Address)
            .FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(a));
        Assert.SkipWhen(own is null, "This machine has no address but the loopback's.");

        await using (var open = await TinyEngine.StartAsync(options => options.Host = "0.0.0.0"))
        {
            using var client = new HttpClient();
            using var answer = await client.GetAsync($"http://{own}:{open.Server.Address.Port}/live/events");
            Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
            var error = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["error"]!;
            Assert.Contains("AdminKey", (string?)error["message"]);
        }

        await using var tiny = await TinyEngine.StartAsync(options =>
        {
            options.Host = "0.0.0.0";
            options.AdminKey = "sk-admin";
        });
        var address = new Uri($"http://{own}:{tiny.Server.Address.Port}/");
        await using var page = await browser.OpenAsync(address);
        await page.Page.WaitForSelectorAsync("#key input:focus");
        await page.Page.Keyboard.TypeAsync("sk-wrong");
        await page.Page.Keyboard.PressAsync("Enter");
        await page.UntilAsync("document.querySelector('#notice').textContent.length > 0");
        Assert.Equal(0, await page.ReadAsync<int>("torchkv.state.blocks.length"));
        await page.Page.FillAsync("#key input", "sk-admin");
        await page.Page.Keyboard.PressAsync("Enter");
        await page.UntilAsync("torchkv.state.blocks.length === 64");
        await page.Page.ClickAsync("[data-do=send]");
        await page.UntilAsync("[...document.querySelectorAll('#try .usage')].every(u => u.textContent.includes('generated'))");
    }
}
