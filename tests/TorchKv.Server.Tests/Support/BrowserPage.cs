using System.Collections.Concurrent;
using Microsoft.Playwright;

namespace TorchKv.Server.Tests.Support;

/// <summary>The live page in a browser, and what went wrong on it.</summary>
internal sealed class BrowserPage : IAsyncDisposable
{
    private readonly ConcurrentQueue<string> _mistakes = new();

    public BrowserPage(IPage page, Uri address)
    {
        Page = page;
        page.SetDefaultTimeout(60_000);
        page.PageError += (_, error) => _mistakes.Enqueue(error);
        page.Console += (_, message) =>
        {
            if (message.Type == "error")
            {
                _mistakes.Enqueue(message.Text);
            }
        };
        page.Request += (_, request) =>
        {
            if (new Uri(request.Url) is { Scheme: "http" or "https" } url && url.Authority != address.Authority)
            {
                _mistakes.Enqueue("asks " + request.Url);
            }
        };
    }

    public IPage Page { get; }

    /// <summary>Errors of scripts, breaches of the content policy, and requests to other places.</summary>
    public IEnumerable<string> Mistakes => _mistakes;

    /// <summary>Waits until an expression is true on the page.</summary>
    public Task UntilAsync(string expression) => Page.WaitForFunctionAsync("() => " + expression);

    public Task<T> ReadAsync<T>(string expression) => Page.EvaluateAsync<T>(expression);

    public Task<string> TextAsync(string selector) => Page.InnerTextAsync(selector);

    /// <summary>The page's picture, in the folder of the test's output and, if asked for, among the documents.</summary>
    public async Task ScreenshotAsync(string name)
    {
        var path = Path.Combine(AppContext.BaseDirectory, name);
        await Page.ScreenshotAsync(new PageScreenshotOptions { Path = path, FullPage = true });
        if (Environment.GetEnvironmentVariable("TORCHKV_UPDATE_IMAGES") == "1")
        {
            File.Copy(path, TestSupport.RepositoryFiles.At("docs", "images", name), overwrite: true);
        }
    }

    public async ValueTask DisposeAsync() => await Page.Context.DisposeAsync();
}
