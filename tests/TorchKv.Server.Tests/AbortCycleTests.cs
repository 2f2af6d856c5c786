using System.Net.Sockets;
using System.Text;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime;
using TorchKv.Server.Models;
using TorchKv.Server.Tests.Support;
using TorchKv.TestSupport;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests;

/// <summary>Clients that connect, ask and leave cost nothing for good.</summary>
public sealed class AbortCycleTests
{
    [Fact]
    public async Task NoRequestOfAClientThatLeftStaysAlive()
    {
        var fake = new FakeGenerator(Storyteller.Tokenizer) { IsGated = true, EndsByItself = false };
        await using var server = await RunningServer.StartAsync(fake);
        var requests = new List<WeakReference>();
        fake.OnStart = options => requests.Add(new WeakReference(options));
        const int Cycles = 40;
        for (var i = 0; i < Cycles; i++)
        {
            await LeaveAsync(server.Address, i, () => fake.Active == 1);
            await UntilAsync(() => fake.Active == 0 && server.Metrics.Streams == 0);
        }

        fake.Forget();
        Assert.Equal(Cycles, requests.Count);

        // What the last connections hold is let go once their sockets are closed.
        await UntilAsync(() =>
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return requests.Count(request => request.IsAlive) <= 1;
        });
    }

    [Fact]
    public async Task TheEngineKeepsNothingOfRequestsThatWereLeft()
    {
        await using var engine = await Engine.LoadAsync(RepositoryFiles.Weights("storyteller"));
        await using var server = await RunningServer.StartAsync(
            new ServedModel("fake", engine, engine.Tokenizer!, ChatTemplates.Plain));
        var handles = 0;
        for (var i = 0; i < 120; i++)
        {
            await LeaveAsync(server.Address, i, () => true);
            if (i == 20)
            {
                await UntilAsync(() => server.Metrics.Streams == 0 && engine.Load.RunningRequests == 0);
                handles = Handles();
            }
        }

        await UntilAsync(() => server.Metrics.Streams == 0
            && engine.Load is { RunningRequests: 0, QueuedRequests: 0 }
            && engine.Stats.HeldBlocks == 0);

        // Other tests of this process open and close handles at the same time; a leak would be one for each cycle.
        await UntilAsync(() => Handles() < handles + 100);
    }

    private static async Task LeaveAsync(Uri address, int number, Func<bool> isRunning)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port);
        const string Body = """{"model":"fake","prompt":"x","max_tokens":400,"ignore_eos":true,"stream":true}""";
        await client.GetStream().WriteAsync(Encoding.UTF8.GetBytes(
            $"POST /v1/completions HTTP/1.1\r\nHost: {address.Authority}\r\nContent-Type: application/json\r\n"
                + $"Content-Length: {Body.Length}\r\n\r\n{Body}"));
        await UntilAsync(isRunning);
        client.LingerState = new LingerOption(number % 2 == 0, 0);
    }

    private static int Handles() =>
        Directory.Exists("/proc/self/fd") ? Directory.GetFileSystemEntries("/proc/self/fd").Length : 0;

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!condition())
        {
            await Task.Delay(5, limit.Token);
        }
    }
}
