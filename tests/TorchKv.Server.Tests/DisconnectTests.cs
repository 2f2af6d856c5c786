using System.Net.Sockets;
using System.Text;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.Server.Models;
using TorchKv.Server.Tests.Support;
using TorchKv.TestSupport;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests;

public sealed class DisconnectTests
{
    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    [InlineData(false, true)]
    public async Task AClientThatLeavesWhileDecodingEndsTheGeneration(bool streams, bool resets)
    {
        var fake = new FakeGenerator(Storyteller.Tokenizer) { IsGated = true, EndsByItself = false };
        await using var server = await RunningServer.StartAsync(fake);
        using var client = await SendAsync(
            server,
            $$"""{"model":"fake","prompt":"x","max_tokens":400,"stream":{{(streams ? "true" : "false")}}}""");
        await fake.Begun;
        fake.Release(3);
        Leave(client, resets);
        await UntilAsync(() => fake.Active == 0);
        await UntilAsync(() => CountOf(server, "abort") == 1);
    }

    [Fact]
    public async Task LeavingEndsEverySampleAndEveryPrompt()
    {
        var fake = new FakeGenerator(Storyteller.Tokenizer) { IsGated = true, EndsByItself = false };
        await using var server = await RunningServer.StartAsync(fake);
        using var client = await SendAsync(
            server,
            """{"model":"fake","prompt":["a","b","c"],"n":2,"max_tokens":400,"stream":true}""");
        await UntilAsync(() => fake.Active == 3);
        fake.Release(5);
        Leave(client, resets: true);
        await UntilAsync(() => fake.Active == 0);
        await UntilAsync(() => CountOf(server, "abort") == 3);
    }

    [Fact]
    public async Task AClientLeavingBeforeTheFirstTokenEndsTheGeneration()
    {
        var fake = new FakeGenerator(Storyteller.Tokenizer) { IsGated = true };
        await using var server = await RunningServer.StartAsync(fake);
        using var client = await SendAsync(server, """{"model":"fake","prompt":"x","stream":true}""");
        await fake.Begun;
        Leave(client, resets: false);
        await UntilAsync(() => fake.Active == 0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    public async Task BlocksComeBackFromRunningAndFromQueuedRequests(int requests)
    {
        // One sequence at a time: the others wait in the queue.
        await using var engine = await Engine.LoadAsync(
            RepositoryFiles.Weights("storyteller"),
            new EngineOptions { Scheduling = new SchedulingOptions { MaxRunningSequences = 1 } });
        await using var server = await RunningServer.StartAsync(new ServedModel(
            "m",
            engine,
            engine.Tokenizer!,
            ChatTemplates.Plain));
        var clients = new List<TcpClient>();
        for (var i = 0; i < requests; i++)
        {
            clients.Add(await SendAsync(
                server,
                $$"""{"model":"m","prompt":"Story {{i}}: once","max_tokens":490"""
                    + $$""","ignore_eos":true,"stream":{{(i % 2 == 0 ? "true" : "false")}}}"""));
        }

        await UntilAsync(() => engine.Stats.RunningRequests == 1 && engine.Stats.QueuedRequests == requests - 1);
        foreach (var client in clients)
        {
            Leave(client, resets: true);
            client.Dispose();
        }

        await UntilAsync(() => engine.Stats is { HeldBlocks: 0, RunningRequests: 0, QueuedRequests: 0 });
        Assert.Equal(requests, engine.Stats.CancelledRequests);
        var stats = engine.Stats;
        Assert.Equal(stats.TotalBlocks, stats.FreeBlocks + stats.CachedBlocks);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(45)]
    public async Task LeavingInPrefillOrDecodeFreesBlocksWithinAStep(int step)
    {
        // 480 tokens at 16 a step: prefill ends with step 30. The server's own first token took one step before.
        var folder = RepositoryFiles.Weights("storyteller");
        var gated = new GatedRunner(CpuRunner.Load(folder));
        gated.Release(1);
        var options = new EngineOptions { Scheduling = new SchedulingOptions { MaxTokensPerStep = 16 } };
        await using var engine = new Engine(gated, Storyteller.Tokenizer, options);
        var model = new ServedModel("m", engine, engine.Tokenizer!, ChatTemplates.Plain);
        await using var server = await RunningServer.StartAsync(model);
        var prompt = string.Join(",", Enumerable.Range(0, 480).Select(i => i % 4000));
        using var client = await SendAsync(
            server,
            $$"""{"model":"m","prompt":[{{prompt}}],"max_tokens":30,"ignore_eos":true,"stream":true}""");
        gated.Release(step - 1);
        await UntilAsync(() => gated.Steps == 1 + step);
        Leave(client, resets: true);
        await UntilAsync(() => CountOf(server, "abort") == 1);

        // The step that waits at the gate has no other request's rows, so it ends without being let through.
        await UntilAsync(() => engine.Stats is { HeldBlocks: 0, RunningRequests: 0 });
        Assert.Equal(1 + step, gated.Steps);
    }

    [Fact]
    public async Task BlocksComeBackFromPreemptedRequests()
    {
        // Blocks for one long answer and a part of a second.
        await using var engine = await Engine.LoadAsync(
            RepositoryFiles.Weights("storyteller"),
            cpu: new CpuRunnerOptions { BlockCount = 40 });
        await using var server = await RunningServer.StartAsync(new ServedModel(
            "m",
            engine,
            engine.Tokenizer!,
            ChatTemplates.Plain));
        var clients = new List<TcpClient>();
        for (var i = 0; i < 3; i++)
        {
            clients.Add(await SendAsync(
                server,
                $$"""{"model":"m","prompt":"Tale {{i}}","max_tokens":490,"ignore_eos":true,"stream":true}"""));
        }

        await UntilAsync(() => engine.Stats.Preemptions > 0);
        foreach (var client in clients)
        {
            Leave(client, resets: true);
            client.Dispose();
        }

        await UntilAsync(() => engine.Stats is { HeldBlocks: 0, RunningRequests: 0, QueuedRequests: 0 });
    }

    [Fact]
    public async Task AClientThatDoesNotReadIsCut()
    {
        var fake = new FakeGenerator(Storyteller.Tokenizer) { EndsByItself = false };
        await using var server = await RunningServer.StartAsync(fake, options =>
        {
            options.SlowReaderTimeout = TimeSpan.FromMilliseconds(200);
            options.MaxLogprobs = 100;
        });

        // Some 5 KB a token: the buffers of both sockets fill long before the end.
        var slow = new Socket(
            AddressFamily.InterNetwork,
            SocketType.Stream,
            ProtocolType.Tcp)
        { ReceiveBufferSize = 4096 };
        await slow.ConnectAsync(server.Address.Host, server.Address.Port);
        await slow.SendAsync(Request(
            server,
            "/v1/chat/completions",
            """{"model":"fake","messages":[{"role":"user","content":"x"}],"max_tokens":480"""
                + ""","stream":true,"logprobs":true,"top_logprobs":100,"n":8}"""));
        await UntilAsync(() => CountOf(server.Metrics.StreamAborts.Counts, "slow") + CountOf(
            server.Metrics.StreamAborts.Counts,
            "client") == 1);
        await UntilAsync(() => fake.Active == 0);
        slow.Dispose();
        await server.AskAsync("/v1/completions", """{"model":"fake","prompt":"x"}""");
    }

    private static long CountOf(RunningServer server, string reason) => CountOf(server.Metrics.Finished.Counts, reason);

    private static long CountOf(IEnumerable<(string Label, long Count)> counts, string label)
        => counts.Single(count => count.Label == label).Count;

    private static async Task<TcpClient> SendAsync(RunningServer server, string body)
    {
        var client = new TcpClient();
        await client.ConnectAsync(server.Address.Host, server.Address.Port);
        await client.GetStream().WriteAsync(Request(server, "/v1/completions", body));
        return client;
    }

    private static byte[] Request(RunningServer server, string path, string body) => Encoding.UTF8.GetBytes(
        $"POST {path} HTTP/1.1\r\nHost: {server.Address.Authority}\r\n"
        + $"Content-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}");

    /// <summary>Closes a connection with a reset, or in order.</summary>
    private static void Leave(TcpClient client, bool resets)
    {
        if (resets)
        {
            client.Client.LingerState = new LingerOption(enable: true, seconds: 0);
        }

        client.Close();
    }

    /// <summary>Waits for something that must come; a test that waits for good is stopped from outside.</summary>
    internal static async Task UntilAsync(Func<bool> isSo)
    {
        while (!isSo())
        {
            await Task.Delay(5);
        }
    }
}
