using System.Net;
using TorchKv.Server.Page;
using TorchKv.Server.Tests.Support;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests.Live;

/// <summary>Who may see the live page.</summary>
public sealed class LiveAccessTests
{
    [Fact]
    public async Task WithAnAdminsKeyOnlyThatKeySeesTheFeed()
    {
        await using var tiny = await TinyEngine.StartAsync(options =>
        {
            options.ApiKey = "sk-user";
            options.AdminKey = "sk-admin";
        });
        Assert.Equal(401, await StatusAsync(tiny.Server, null));
        Assert.Equal(401, await StatusAsync(tiny.Server, "sk-wrong"));
        Assert.Equal(403, await StatusAsync(tiny.Server, "sk-user"));
        Assert.Equal(200, await StatusAsync(tiny.Server, "sk-admin"));

        // The page asks for the key, so its files need none; everything else does.
        Assert.Equal(HttpStatusCode.OK, (await tiny.Server.Client.GetAsync("/")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await tiny.Server.Client.GetAsync("/v1/models")).StatusCode);
        await tiny.Server.RefusedAsync("/live/explain", """{"prompt":"x"}""", 403, "sk-user");
        await tiny.Server.AskAsync("/live/explain", """{"prompt":"x"}""", "sk-admin");
        await tiny.Server.AskAsync("/v1/completions", """{"model":"tiny","prompt":"x","max_tokens":1}""", "sk-admin");
    }

    [Fact]
    public async Task AnAdminsKeyAloneLeavesTheInterfaceOpen()
    {
        await using var tiny = await TinyEngine.StartAsync(options => options.AdminKey = "sk-admin");
        Assert.Equal(401, await StatusAsync(tiny.Server, null));
        Assert.Equal(200, await StatusAsync(tiny.Server, "sk-admin"));
        Assert.Equal(HttpStatusCode.OK, (await tiny.Server.Client.GetAsync("/v1/models")).StatusCode);
    }

    [Fact]
    public async Task WithKeysButNoAdminNoOneSeesThePage()
    {
        await using var tiny = await TinyEngine.StartAsync(options => options.ApiKey = "sk-user");
        Assert.Equal(401, await StatusAsync(tiny.Server, null));
        Assert.Equal(403, await StatusAsync(tiny.Server, "sk-user"));
        Assert.Equal(HttpStatusCode.Unauthorized, (await tiny.Server.Client.GetAsync("/")).StatusCode);
    }

    [Theory]
    [InlineData("X-Forwarded-For", "203.0.113.9")]
    [InlineData("Forwarded", "for=203.0.113.9")]
    public async Task WithoutKeysWhatAProxyPassesOnIsRefused(string header, string value)
    {
        await using var tiny = await TinyEngine.StartAsync();
        Assert.Equal(200, await StatusAsync(tiny.Server, null));
        using var response = await FeedReader.SendAsync(tiny.Server, header: (header, value));
        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
    }

    [Fact]
    public async Task ThePageCanBeSwitchedOff()
    {
        await using var tiny = await TinyEngine.StartAsync(options => options.Page = false);
        Assert.Equal(404, await StatusAsync(tiny.Server, null));
        Assert.Equal(HttpStatusCode.NotFound, (await tiny.Server.Client.GetAsync("/")).StatusCode);
    }

    [Fact]
    public async Task ThePagesFilesAreServedUnderAStrictPolicy()
    {
        await using var server = await RunningServer.StartAsync(new FakeGenerator(Storyteller.Tokenizer));
        var names = PageFiles.Names.Where(name => name != PageFiles.Index).Select(name => "/page/" + name).Prepend("/");
        foreach (var path in names)
        {
            using var response = await server.Client.GetAsync(path);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            var policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
            Assert.StartsWith("default-src 'none'; script-src 'self'; style-src 'self'", policy);
            Assert.DoesNotContain("unsafe", policy);
            var content = await response.Content.ReadAsStringAsync();
            Assert.True(path.Contains("uPlot", StringComparison.Ordinal) || !content.Contains("https://", StringComparison.Ordinal), path);
        }

        var page = await server.Client.GetStringAsync("/");
        Assert.DoesNotMatch("<script(?![^>]*src=)|<style|\\son\\w+=|\\sstyle=", page);
        Assert.Contains("MIT", await server.Client.GetStringAsync("/page/uPlot.LICENSE.txt"));
        Assert.Equal(HttpStatusCode.NotFound, (await server.Client.GetAsync("/page/..%2fappsettings.json")).StatusCode);
    }

    private static async Task<int> StatusAsync(RunningServer server, string? key)
    {
        using var response = await FeedReader.SendAsync(server, key: key);
        return (int)response.StatusCode;
    }
}
