using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using TorchKv.Server.Tests.Support;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests.Clients;

/// <summary>curl: plain, stream, usage, error, cancel.</summary>
public sealed class CurlTests(Storyteller storyteller)
{
    private const string Chat = """{"model":"storyteller","messages":[{"role":"user","content":"Tell me a story."}]"""
        + ""","max_tokens":8,"temperature":0""";
    private static readonly bool HasCurl = Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator).Any(
        folder => File.Exists(Path.Combine(folder, "curl")));

    [Fact]
    public async Task PlainStreamAndErrorWork()
    {
        Assert.SkipUnless(HasCurl, "curl is not installed.");
        var (plain, _) = await RunAsync(Chat + "}");
        var text = (string?)JsonNode.Parse(plain)!["choices"]![0]!["message"]!["content"];
        Assert.NotEmpty(text!);

        var (streamed, _) = await RunAsync(Chat + ""","stream":true,"stream_options":{"include_usage":true}}""");
        var stream = Sse.Parse(Encoding.UTF8.GetBytes(streamed));
        Assert.Equal(text, stream.Text());
        Assert.Equal(8, (int)stream.Usage!["completion_tokens"]!);
        Assert.True(stream.IsDone);

        var (refused, code) = await RunAsync("{}", "--fail-with-body");
        Assert.Equal(22, code);
        Assert.Equal("model", (string?)Sse.Error(JsonNode.Parse(refused)!)["param"]);
    }

    [Fact]
    public async Task AKilledCurlEndsTheGeneration()
    {
        Assert.SkipUnless(HasCurl, "curl is not installed.");
        var fake = new FakeGenerator(Storyteller.Tokenizer) { IsGated = true, EndsByItself = false };
        await using var server = await RunningServer.StartAsync(fake);
        using var curl = Start(server, """{"model":"fake","messages":[{"role":"user","content":"x"}],"stream":true}""");
        await fake.Begun;
        fake.Release(5);
        curl.Kill();
        while (fake.Active > 0)
        {
            await Task.Delay(5);
        }
    }

    private async Task<(string Output, int Code)> RunAsync(string body, params string[] more)
    {
        using var curl = Start(storyteller.Server, body, more);
        var output = await curl.StandardOutput.ReadToEndAsync();
        await curl.WaitForExitAsync();
        return (output, curl.ExitCode);
    }

    private static Process Start(
        RunningServer server,
        string body,
        params string[] more) => Process.Start(new ProcessStartInfo(
        "curl",
        ["-s", "-N", .. more, new Uri(
            server.Address,
            "/v1/chat/completions").ToString(), "-H", "Content-Type: application/json", "-d", body])
        {
            RedirectStandardOutput = true,
        })!;
}
