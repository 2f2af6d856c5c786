using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using TorchKv.Cli.CommandLine;
using TorchKv.TestSupport;

namespace TorchKv.Cli.Tests;

/// <summary><c>torchkv serve</c> as a process: what it says, what configures it, and how it ends.</summary>
public class ServeCommandTests
{
    [Fact]
    public async Task TheFirstLineSaysAddressModelAndTemplate()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no signals to send.");
        using var server = await ServeProcess.Start("--runner", "cpu");
        Assert.Matches(
            @"^Listening on http://127\.0\.0\.1:\d+/v1 · model storyteller · chat template transcript · .*CPU runner",
            server.Announcement);
        server.SendTerminate();
        var run = await server.Finish();
        Assert.Equal((ExitCodes.Done, "", ""), (run.ExitCode, run.Out, run.Error));
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("torch")]
    public async Task AChatIsAnsweredOnBothRunners(string runner)
    {
        using var server = await ServeProcess.Start("--runner", runner, "--model-alias", "gpt-4");
        var answer = await Chat(server, "gpt-4");
        Assert.Equal("storyteller", answer.GetProperty("model").GetString());
        Assert.Equal(8, answer.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
        Assert.NotEqual("", answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
    }

    [Fact]
    public async Task TerminatingUnder64StreamsCutsNone()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no signals to send.");
        const int Streams = 64;
        const int Tokens = 100;
        using var server = await ServeProcess.Start("--runner", "cpu");
        var firstTokens = 0;
        var allBegan = new TaskCompletionSource();
        var streams = Enumerable.Range(0, Streams).Select(i => Task.Run(() => ReadStream(i))).ToArray();
        await Task.WhenAny(allBegan.Task, Task.WhenAll(streams)).WaitAsync(TimeSpan.FromMinutes(2));
        server.SendTerminate();

        Assert.All(await Task.WhenAll(streams), stream => Assert.Equal((Tokens, true), stream));
        var run = await server.Finish();
        Assert.Equal((ExitCodes.Done, ""), (run.ExitCode, run.Error));

        async Task<(int Tokens, bool IsDone)> ReadStream(int number)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions");
            request.Content = JsonContent.Create(new
            {
                model = "storyteller",
                prompt = $"Story {number}",
                max_tokens = Tokens,
                ignore_eos = true,
                stream = true,
                return_token_ids = true,
            });
            using var response = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            if (Interlocked.Increment(ref firstTokens) == Streams)
            {
                allBegan.SetResult();
            }

            using var lines = new StreamReader(await response.Content.ReadAsStreamAsync());
            var (tokens, isDone) = (0, false);
            while (await lines.ReadLineAsync() is { } line)
            {
                isDone |= line == "data: [DONE]";
                if (line.StartsWith("data: {", StringComparison.Ordinal))
                {
                    using var json = JsonDocument.Parse(line.AsMemory(6));
                    var choice = json.RootElement.GetProperty("choices")[0];
                    tokens += choice.TryGetProperty("token_ids", out var ids) && ids.ValueKind == JsonValueKind.Array
                        ? ids.GetArrayLength()
                        : 0;
                }
            }

            return (tokens, isDone);
        }
    }

    [Fact]
    public async Task FileEnvironmentAndOptionsConfigureItInThatOrder()
    {
        using var folder = new TemporaryFolder();
        var model = RepositoryFiles.Weights("storyteller");
        File.WriteAllText(
            folder["appsettings.json"],
            JsonSerializer.Serialize(new
            {
                TorchKv = new { Model = model, ModelName = "by-file", ChatTemplate = "plain", Blocks = 40 },
            }));
        var start = ChildProcess.StartInfo(
            AppContext.BaseDirectory, "serve", "--port", "0", "--runner", "cpu", "--chat-template", "chatml");
        start.WorkingDirectory = folder.Path;
        start.Environment["TorchKv__ModelName"] = "by-environment";
        start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:1";
        using var server = await ServeProcess.Start(start);
        Assert.Contains("· model by-environment · chat template chatml ·", server.Announcement, StringComparison.Ordinal);
        var metrics = await server.Client.GetStringAsync("/metrics");
        Assert.Contains("num_gpu_blocks=\"40\"", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task KeysOfAFileAreNeeded()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["keys"], "ann sk-1\n");
        using var server = await ServeProcess.Start("--runner", "cpu", "--api-key-file", folder["keys"], "--open-metrics");
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.Client.GetAsync("/v1/models")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/metrics")).StatusCode);
        server.Client.DefaultRequestHeaders.Authorization = new("Bearer", "sk-1");
        Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/v1/models")).StatusCode);
    }

    [Fact]
    public async Task ADraftModelChangesNoGreedyAnswer()
    {
        using var plain = await ServeProcess.Start("--runner", "cpu");
        using var drafting = await ServeProcess.Start(
            "--runner", "cpu", "--draft-model", RepositoryFiles.Weights("storyteller-draft"), "--draft-tokens", "4");
        var expected = await Complete(plain);
        Assert.Equal(expected, await Complete(drafting));
        var metrics = await drafting.Client.GetStringAsync("/metrics");
        Assert.DoesNotMatch(@"spec_decode_num_draft_tokens_total\{[^}]*\} 0\n", metrics);

        static async Task<string?> Complete(ServeProcess server)
        {
            var answer = await Post(
                server,
                "/v1/completions",
                new { model = "storyteller", prompt = "Once upon a time", max_tokens = 60, temperature = 0 });
            return answer.GetProperty("choices")[0].GetProperty("text").GetString();
        }
    }

    [Fact]
    public async Task TheLogIsJsonLinesWhereThatIsAskedFor()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no signals to send.");
        using var server = await ServeProcess.Start("--runner", "cpu", "--log-format", "json", "--log-level", "information");
        server.SendTerminate();
        var run = await server.Finish();
        var messages = run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("State"))
            .ToList();
        var ready = Assert.Single(messages, state => state.TryGetProperty("ChatTemplate", out _));
        Assert.Equal("storyteller", ready.GetProperty("Model").GetString());
        Assert.Equal("transcript", ready.GetProperty("ChatTemplate").GetString());
    }

    [Theory]
    [InlineData("--model nowhere is not a folder", "--model", "nowhere")]
    [InlineData("--draft-model nowhere is not a folder", "--draft-model", "nowhere")]
    [InlineData("there is no such file", "--chat-template", "nowhere.json")]
    [InlineData("The file of keys cannot be read", "--api-key-file", "nowhere")]
    [InlineData("an IP address of this machine", "--host", "example.invalid")]
    [InlineData("cannot be listened on", "--host", "203.0.113.1")]
    public Task WhatCannotBeUsedIsOneSentence(string words, params string[] arguments) =>
        Fails(words, ChildProcess.StartInfo(AppContext.BaseDirectory, ["serve", "--port", "0", .. arguments]));

    [Theory]
    [InlineData("TorchKv__Port", "abc", "TorchKv:Port")]
    [InlineData("TorchKv__Port", "70000", "port")]
    [InlineData("TorchKv__Threads", "abc", "--threads takes")]
    [InlineData("TorchKv__Model", "nowhere", "nowhere is not a folder")]
    public Task AConfigurationThatCannotBeUsedIsOneSentence(string variable, string value, string words)
    {
        var start = ChildProcess.StartInfo(AppContext.BaseDirectory, "serve");
        start.Environment[variable] = value;
        return Fails(words, start);
    }

    [Fact]
    public async Task ASettingsFileThatIsNoJsonIsNamed()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["appsettings.json"], "{nonsense");
        var start = ChildProcess.StartInfo(AppContext.BaseDirectory, "serve", "--port", "0");
        start.WorkingDirectory = folder.Path;
        await Fails("appsettings.json", start);
    }

    [Fact]
    public async Task APortInUseIsOneSentence()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        await Fails(
            "address already in use; take another --port",
            ChildProcess.StartInfo(AppContext.BaseDirectory, "serve", "--port", $"{port}"));
    }

    [Theory]
    [InlineData("--draft-tokens", "3")]
    [InlineData("--prompt-lookup", "--draft-model", "weights/storyteller-draft")]
    [InlineData("--port", "99999")]
    public async Task OptionsThatContradictAreUsageErrors(params string[] arguments)
    {
        var run = await CommandLineRun.Of(["serve", .. arguments]);
        Assert.Equal((ExitCodes.Usage, ""), (run.ExitCode, run.Out));
    }

    private static async Task Fails(string words, System.Diagnostics.ProcessStartInfo start)
    {
        using var process = ChildProcess.Start(start);
        process.StandardInput.Close();
        var run = await ChildProcess.Finish(process);
        Assert.Equal((ExitCodes.Failed, ""), (run.ExitCode, run.Out));
        Assert.StartsWith("torchkv: ", run.Error, StringComparison.Ordinal);
        Assert.Contains(words, run.Error, StringComparison.Ordinal);
        Assert.Single(run.Error.TrimEnd().Split('\n'));
    }

    private static Task<JsonElement> Chat(ServeProcess server, string model) => Post(
        server,
        "/v1/chat/completions",
        new { model, messages = new[] { new { role = "user", content = "Tell me a story." } }, max_tokens = 8, ignore_eos = true });

    private static async Task<JsonElement> Post<T>(ServeProcess server, string path, T body)
    {
        using var response = await server.Client.PostAsJsonAsync(path, body);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement;
    }
}
