using System.Net;
using System.Text.Json.Nodes;
using TorchKv.Server.Models;
using TorchKv.Server.Tests.Support;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests;

public sealed class DrainTests
{
    private const string Stream = """{"model":"fake","prompt":"x","stream":true,"max_tokens":8}""";

    [Fact]
    public async Task StoppingFinishesEveryStreamAndRefusesNewWork()
    {
        var fake = new FakeGenerator(Storyteller.Tokenizer) { IsGated = true };
        await using var server = await RunningServer.StartAsync(fake);
        var streams = Enumerable.Range(0, 64).Select(_ => server.StreamAsync("/v1/completions", Stream)).ToArray();
        while (fake.Active < 64)
        {
            await Task.Delay(5);
        }

        var stop = server.App.StopAsync();
        while (server.Models.State != ServerState.Draining)
        {
            await Task.Delay(5);
        }

        using var ready = await server.Client.GetAsync("/ready");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        Assert.Equal("draining", (string?)JsonNode.Parse(await ready.Content.ReadAsStringAsync())!["status"]);
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/health")).StatusCode);
        using var refused = await server.PostAsync("/v1/completions", Stream);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.NotNull(refused.Headers.RetryAfter);
        Assert.True(refused.Headers.ConnectionClose);
        Assert.False(stop.IsCompleted);

        fake.Release(64 * 20);
        foreach (var stream in await Task.WhenAll(streams))
        {
            Assert.Single(stream.Reasons());
            Assert.True(stream.IsDone);
        }

        await stop;
    }

    [Fact]
    public async Task AfterTheTimeoutStreamsEndWithErrorAndDone()
    {
        var fake = new FakeGenerator(Storyteller.Tokenizer) { IsGated = true };
        await using var server = await RunningServer.StartAsync(
            fake,
            options => options.ShutdownTimeout = TimeSpan.FromMilliseconds(100));
        var begun = server.StreamAsync("/v1/completions", Stream);
        var waiting = server.PostAsync("/v1/completions", Stream);
        while (fake.Active < 2)
        {
            await Task.Delay(5);
        }

        fake.Release(1);
        while (server.Metrics.TimeToFirstToken.Sum == 0)
        {
            await Task.Delay(5);
        }

        await server.App.StopAsync();
        Assert.Equal(0, fake.Active);
        var ends = new List<string>();
        try
        {
            var stream = await begun;
            Assert.Equal("unavailable", (string?)Sse.Error(stream.Events[^1])["code"]);
            Assert.True(stream.IsDone);
            ends.Add("frame");
        }
        catch (Xunit.Sdk.XunitException e) when (e.Message.StartsWith("503", StringComparison.Ordinal))
        {
            ends.Add("status");
        }

        using var response = await waiting;
        if (response.StatusCode == HttpStatusCode.OK)
        {
            Assert.Equal(
                "unavailable",
                (string?)Sse.Error(Sse.Parse(await response.Content.ReadAsByteArrayAsync()).Events[^1])["code"]);
            ends.Add("frame");
        }
        else
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
            ends.Add("status");
        }

        // One had begun and gets a frame; the other had not and gets a status.
        Assert.Equal(["frame", "status"], ends.Order());
    }
}
