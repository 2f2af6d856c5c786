using System.Diagnostics;
using System.Net;
using System.Text;
using TorchKv.Edges.Tests.Support;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Edges.Tests;

/// <summary>The files of deploy/ for HAProxy and nginx do what their comments say, before servers without a model.</summary>
public sealed class EdgeTests : IAsyncLifetime
{
    private const int Conversations = 30;
    private FakeReplica[] _servers = [];

    public static TheoryData<string> Programs { get; } = [EdgeProgram.Haproxy.Name, EdgeProgram.Nginx.Name];

    public async ValueTask InitializeAsync() =>
        _servers = await Task.WhenAll(new[] { "one", "two", "three" }.Select(FakeReplica.StartAsync));

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers)
        {
            await server.DisposeAsync();
        }
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task TheProgramAcceptsItsFile(string program)
    {
        var edge = EdgeProgram.Of(program);
        Assert.SkipWhen(edge.Path is null, edge.Missing);
        using var folder = new TemporaryFolder();
        var file = folder[edge.File];
        await File.WriteAllTextAsync(
            file, EdgeFile.Text(RepositoryFiles.At("deploy", edge.File), 8080, [8001, 8002, 8003], folder.Path));
        using var check = Process.Start(new ProcessStartInfo(edge.Path!, edge.Arguments(file, checks: true))
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        var errors = check.StandardError.ReadToEndAsync();
        await check.StandardOutput.ReadToEndAsync();
        await check.WaitForExitAsync();
        Assert.True(check.ExitCode == 0, await errors);
        Assert.DoesNotContain("warn", await errors, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task AnEventArrivesBeforeTheNextIsSent(string program)
    {
        using var edge = await StartAsync(program);
        using var answer = await edge.AskAsync("c", body: FakeReplica.Streams);
        await using var stream = await answer.Content.ReadAsStreamAsync();
        await ExpectAsync(stream, FakeReplica.Event(0));
        var server = _servers.Single(server => server.Running == 1);
        server.Step();
        await ExpectAsync(stream, FakeReplica.Event(1));
        server.Step();
        await ExpectAsync(stream, FakeReplica.Event(2) + FakeReplica.End);
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task AConversationStaysOnItsServer(string program)
    {
        using var edge = await StartAsync(program);
        var first = await ServersOf(edge);
        for (var turn = 0; turn < 3; turn++)
        {
            Assert.Equal(first, await ServersOf(edge));
        }

        Assert.Equal(3, first.Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task WithoutAConversationTheKeyChoosesTheServer(string program)
    {
        using var edge = await StartAsync(program);
        var servers = new HashSet<string>();
        for (var key = 0; key < Conversations; key++)
        {
            var server = await edge.ServerOf(null, $"sk-{key}");
            Assert.Equal(server, await edge.ServerOf(null, $"sk-{key}"));
            servers.Add(server);
        }

        Assert.Equal(3, servers.Count);
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task WithoutBothOneClientStaysOnItsServer(string program)
    {
        using var edge = await StartAsync(program);
        var server = await edge.ServerOf(null);
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(server, await edge.ServerOf(null));
        }
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task ADeadServerCostsNoRequestNorMovesOtherConversations(string program)
    {
        using var edge = await StartAsync(program);
        var before = await ServersOf(edge);
        await _servers[1].DieAsync();
        for (var turn = 0; turn < 3; turn++)
        {
            var after = await ServersOf(edge);
            Assert.DoesNotContain("two", after);
            for (var i = 0; i < Conversations; i++)
            {
                Assert.True(before[i] == "two" || before[i] == after[i], $"{i}: {before[i]}, then {after[i]}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task ADrainedServerKeepsItsStreamsWithoutNewRequests(string program)
    {
        using var edge = await StartAsync(program);
        var streams = new List<(HttpResponseMessage Answer, Stream Body)>();
        for (var i = 0; i < Conversations; i++)
        {
            // All servers have streams, so that the bound on load keeps no request away from the drained one.
            var answer = await edge.AskAsync($"conversation-{i}", body: FakeReplica.Streams);
            streams.Add((answer, await answer.Content.ReadAsStreamAsync()));
            await ExpectAsync(streams[i].Body, FakeReplica.Event(0));
        }

        var drained = _servers.MinBy(server => server.Running)!;
        var running = drained.Running;
        Assert.True(running > 0);
        drained.Drain();

        // From the first moment on no client sees the refusal.
        Assert.DoesNotContain(drained.Name, await ServersOf(edge));
        Assert.True(drained.Refused > 0);
        if (program == EdgeProgram.Haproxy.Name)
        {
            // HAProxy asks /ready by itself, and after two refusals and one more round sends the server nothing.
            var probes = drained.Probes;
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
            while (drained.Probes < probes + 4)
            {
                await Task.Delay(20, limit.Token);
            }

            var refused = drained.Refused;
            Assert.DoesNotContain(drained.Name, await ServersOf(edge));
            Assert.Equal(refused, drained.Refused);
        }

        Assert.Equal(running, drained.Running);
        foreach (var server in _servers)
        {
            server.Release();
        }

        foreach (var (answer, body) in streams)
        {
            await ExpectAsync(body, FakeReplica.Event(1) + FakeReplica.Event(2) + FakeReplica.End);
            answer.Dispose();
        }
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task AClientThatLeavesEndsItsRequest(string program)
    {
        using var edge = await StartAsync(program);
        var answer = await edge.AskAsync("c", body: FakeReplica.Streams);
        var stream = await answer.Content.ReadAsStreamAsync();
        await ExpectAsync(stream, FakeReplica.Event(0));
        var server = _servers.Single(server => server.Running == 1);
        answer.Dispose();
        await server.ClientLeft.WaitAsync(TimeSpan.FromMinutes(1));
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task ALongRequestArrivesWhole(string program)
    {
        using var edge = await StartAsync(program);
        var body = $$"""{"prompt":"{{new string('x', 3 << 20)}}"}""";
        using var answer = await edge.AskAsync("c", body: body);
        Assert.Equal($"{body.Length}", await answer.Content.ReadAsStringAsync());
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task WhatIsForOperatorsIsNotForClients(string program)
    {
        using var edge = await StartAsync(program);
        foreach (var path in (string[])["/metrics", "/live/events", "/live"])
        {
            Assert.Equal(HttpStatusCode.NotFound, (await edge.Client.GetAsync(path)).StatusCode);
        }

        Assert.Equal(HttpStatusCode.OK, (await edge.Client.GetAsync("/ready")).StatusCode);
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task TheFileServesTwoRoutersOrOneAsWell(string program)
    {
        foreach (var routers in (int[])[2, 1])
        {
            using var edge = await StartAsync(program, routers);
            var first = await ServersOf(edge);
            Assert.Equal(first, await ServersOf(edge));
            Assert.Equal(routers, first.Distinct().Count());
        }
    }

    [Fact]
    public async Task HaproxyBoundsTheLoadOfAServer()
    {
        const int Requests = 40;
        using var edge = await StartAsync(EdgeProgram.Haproxy.Name);
        var answers = new List<HttpResponseMessage>();
        for (var i = 0; i < Requests; i++)
        {
            answers.Add(await edge.AskAsync("one key for all", body: FakeReplica.Streams));
        }

        Assert.Equal(Requests, _servers.Sum(server => server.Running));

        // 1.25 times the average, rounded up, and one that was counted before it was there.
        Assert.All(_servers, server => Assert.InRange(server.Running, 1, (int)Math.Ceiling(1.25 * Requests / 3) + 1));
        answers.ForEach(answer => answer.Dispose());
    }

    private Task<RunningEdge> StartAsync(string program, int servers = 3) => RunningEdge.StartAsync(
        EdgeProgram.Of(program), [.. _servers.Take(servers).Select(server => server.Port)]);

    private static async Task<string[]> ServersOf(RunningEdge edge)
    {
        var servers = new string[Conversations];
        for (var i = 0; i < Conversations; i++)
        {
            servers[i] = await edge.ServerOf($"conversation-{i}");
        }

        return servers;
    }

    private static async Task ExpectAsync(Stream stream, string expected)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var buffer = new byte[Encoding.UTF8.GetByteCount(expected)];
        await stream.ReadExactlyAsync(buffer, limit.Token);
        Assert.Equal(expected, Encoding.UTF8.GetString(buffer));
    }
}
