using System.Net;
using System.Text.Json.Nodes;
using TorchKv.Cli.Tests;
using TorchKv.Edges.Tests.Support;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Edges.Tests;

/// <summary>The files of deploy/ before <c>torchkv serve</c>, each in a process of its own.</summary>
public sealed class ServeBehindEdgeTests
{
    private const int Conversations = 6;
    private const int Streams = 8;

    [Theory]
    [InlineData("haproxy")]
    [InlineData("nginx")]
    public async Task ConversationsFindTheirTokensAndStoppedServersCostNoRequest(string program)
    {
        Assert.SkipWhen(EdgeProgram.Of(program).Path is null, EdgeProgram.Of(program).Missing);
        using var one = await ServeAsync();
        using var two = await ServeAsync();
        using var edge = await RunningEdge.StartAsync(EdgeProgram.Of(program), one.Address.Port, two.Address.Port);
        for (var i = 0; i < Conversations; i++)
        {
            Assert.Equal(0, await CachedTokens(edge, i, ""));
        }

        for (var i = 0; i < Conversations; i++)
        {
            Assert.True(await CachedTokens(edge, i, " The next day they met again.") >= 16);
        }

        var streams = Enumerable.Range(0, Streams).Select(i => StreamAsync(edge, i)).ToArray();
        await Task.WhenAll(streams.Select(stream => stream.Begun.Task.WaitAsync(TimeSpan.FromMinutes(1))));
        one.SendTerminate();
        for (var i = 0; i < Conversations; i++)
        {
            await CachedTokens(edge, i, " Then it rained.");
        }

        foreach (var text in await Task.WhenAll(streams.Select(stream => stream.Text)))
        {
            Assert.EndsWith("data: [DONE]\n\n", text);
            Assert.DoesNotContain("\"error\"", text);
            Assert.Contains("\"finish_reason\":\"length\"", text);
        }

        Assert.Equal(0, (await one.Finish()).ExitCode);
        Assert.Equal(HttpStatusCode.OK, (await edge.Client.GetAsync("/v1/models")).StatusCode);
    }

    private static Task<ServeProcess> ServeAsync() => ServeProcess.Start(
        "--model", Storyteller.Folder, "--threads", "1", "--blocks", "512");

    private static async Task<int> CachedTokens(RunningEdge edge, int conversation, string more)
    {
        var body = $$"""
            {"model":"storyteller","max_tokens":2,"prompt":"{{Opening(conversation)}}{{more}}"}
            """;
        using var answer = await edge.AskAsync($"{conversation}", body: body);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, text);
        return (int)JsonNode.Parse(text)!["usage"]!["prompt_tokens_details"]!["cached_tokens"]!;
    }

    private static string Opening(int conversation) =>
        $"{conversation} little cats lived in a big house by the sea with their mother, and every day the cats went out to "
        + "play in the sand and to look for shells, fish and other things that the sea had left there for them.";

    private static (TaskCompletionSource Begun, Task<string> Text) StreamAsync(RunningEdge edge, int number)
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return (begun, ReadAsync());

        async Task<string> ReadAsync()
        {
            var body = $$"""
                {"model":"storyteller","prompt":"Story {{number}}:","max_tokens":150,"ignore_eos":true,"stream":true,"seed":1}
                """;
            using var answer = await edge.AskAsync($"stream {number}", body: body);
            begun.TrySetResult();
            return await answer.Content.ReadAsStringAsync();
        }
    }
}
