using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using TorchKv.TestSupport;

namespace TorchKv.Samples.Tests;

/// <summary>Each sample runs as its own process and does what it shows.</summary>
public sealed class SampleTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task TheConsoleChatAnswersEachLine()
    {
        using var sample = Start("ConsoleChat");
        await sample.StandardInput.WriteLineAsync("Tell me a story about a cat.");
        await sample.StandardInput.WriteLineAsync("And then?");
        sample.StandardInput.Close();
        var lines = (await Output(sample)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(lines.Length >= 2, string.Join('\n', lines));
    }

    [Fact]
    public async Task TheAgentAnswersTwice()
    {
        using var sample = Start("Agent");
        sample.StandardInput.Close();
        var output = await Output(sample);
        var second = output.IndexOf("What did the dog do next?\n  ", StringComparison.Ordinal);
        Assert.StartsWith("A story about a dog.\n  ", output);
        Assert.True(second > "A story about a dog.\n  ".Length + 5, output);
        Assert.True(output.Length > second + 35, output);
    }

    [Fact]
    public async Task TheWebApplicationServesBothInterfaces()
    {
        using var sample = Start("WebApp", "--urls", "http://127.0.0.1:0");
        sample.StandardInput.Close();
        try
        {
            using var limit = new CancellationTokenSource(s_limit);
            const string Listening = "Now listening on: ";
            string? line;
            do
            {
                line = await sample.StandardOutput.ReadLineAsync(limit.Token);
                Assert.NotNull(line);
            }
            while (!line.Contains(Listening, StringComparison.Ordinal));

            var address = line[(line.IndexOf(Listening, StringComparison.Ordinal) + Listening.Length)..];
            using var client = new HttpClient { BaseAddress = new Uri(address) };
            while (!(await client.GetAsync("/ai/ready", limit.Token)).IsSuccessStatusCode)
            {
                await Task.Delay(50, limit.Token);
            }

            using var response = await client.PostAsJsonAsync(
                "/ai/v1/chat/completions",
                new { model = "storyteller", messages = new[] { new { role = "user", content = "Hi" } }, max_tokens = 5 });
            var answer = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
            Assert.Equal("chat.completion", (string?)answer["object"]);
            Assert.NotEqual("", await client.GetStringAsync("/story?about=dogs"));
        }
        finally
        {
            sample.Kill();
        }
    }

    private static Process Start(string name, params string[] arguments)
    {
        var program = Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? $"{name}.exe" : name);
        return Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = RepositoryFiles.Root,
        })!;
    }

    private static async Task<string> Output(Process sample)
    {
        using var limit = new CancellationTokenSource(s_limit);
        try
        {
            var output = await sample.StandardOutput.ReadToEndAsync(limit.Token);
            await sample.WaitForExitAsync(limit.Token);
            Assert.Equal(0, sample.ExitCode);
            return output.ReplaceLineEndings("\n");
        }
        finally
        {
            sample.Kill();
        }
    }
}
