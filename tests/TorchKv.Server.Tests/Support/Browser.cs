using Microsoft.Playwright;

namespace TorchKv.Server.Tests.Support;

/// <summary>Debian's chromium, for all tests of the page; where there is none, they are skipped.</summary>
public sealed class Browser : IAsyncLifetime
{
    private static readonly string[] Places =
    [
        Environment.GetEnvironmentVariable("CHROMIUM") ?? "",
        "/usr/bin/chromium",
        "/usr/bin/chromium-browser",
        "/usr/bin/google-chrome",
    ];

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public async ValueTask InitializeAsync()
    {
        if (Places.FirstOrDefault(File.Exists) is not { } path)
        {
            return;
        }

        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = path,

            // Root has no sandbox, and the pages are the test's own.
            Args = ["--no-sandbox", "--disable-gpu"],
        });
    }

    /// <summary>A page of a browser of its own.</summary>
    internal async Task<BrowserPage> OpenAsync(
        Uri address, int width = 1360, bool isDark = false, bool reducesMotion = false)
    {
        Assert.SkipWhen(_browser is null, "There is no chromium; 'apt-get install chromium' brings it.");
        var context = await _browser!.NewContextAsync(new BrowserNewContextOptions
        {
            ViewportSize = new ViewportSize { Width = width, Height = width < 500 ? 844 : 1100 },
            ColorScheme = isDark ? ColorScheme.Dark : ColorScheme.Light,
            ReducedMotion = reducesMotion ? ReducedMotion.Reduce : ReducedMotion.NoPreference,
            AcceptDownloads = true,
        });
        var page = new BrowserPage(await context.NewPageAsync(), address);
        await page.Page.GotoAsync(address.ToString());
        return page;
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        _playwright?.Dispose();
    }
}
