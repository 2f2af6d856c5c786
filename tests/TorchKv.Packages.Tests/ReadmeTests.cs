using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TorchKv.TestSupport;

namespace TorchKv.Packages.Tests;

/// <summary>The README's programs run on the packages as they are printed, and print what the README says.</summary>
public sealed partial class ReadmeTests(PackedSolution packed)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);

    public static TheoryData<string> Consoles => [.. ReadmeProgram.All.Where(program => program.Template == "console").Select(program => program.Title)];

    [Fact]
    public void TheReadmeShowsEachWayToUseThePackages() =>
        Assert.Equal(
            ["TorchKv.Runtime", "TorchKv.Extensions.AI", "TorchKv.Server", "TorchKv"],
            ReadmeProgram.All.Select(program => program.Packages[0].Name));

    [Theory]
    [MemberData(nameof(Consoles))]
    public async Task AProgramPrintsWhatTheReadmeSays(string title)
    {
        var program = ReadmeProgram.All.Single(program => program.Title == title);
        var run = await Shell.Run(packed.Outside, "dotnet", null, packed.Assembly(program));
        Assert.True(run.ExitCode == 0, run.Everything);
        Assert.Equal(program.Output, run.Output);
    }

    [Fact]
    public async Task TheWebApplicationAnswersTheReadmesRequest()
    {
        var program = ReadmeProgram.All.Single(program => program.Template == "web");
        var request = Request().Match(program.Output);
        Assert.True(request.Success, program.Output);
        using var process = Shell.Start(packed.Outside, "dotnet", null, packed.Assembly(program), "--urls", "http://127.0.0.1:0");
        try
        {
            using var limit = new CancellationTokenSource(s_limit);
            Match listening;
            do
            {
                var line = await process.StandardOutput.ReadLineAsync(limit.Token);
                Assert.NotNull(line);
                listening = Listening().Match(line);
            }
            while (!listening.Success);

            using var client = new HttpClient { BaseAddress = new Uri(listening.Groups[1].Value) };
            while (!(await client.GetAsync("/ready", limit.Token)).IsSuccessStatusCode)
            {
                await Task.Delay(50, limit.Token); // the application listens before the model is loaded
            }

            using var body = new StringContent(request.Groups["body"].Value, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
            using var response = await client.PostAsync(request.Groups["path"].Value, body, limit.Token);
            var answer = JsonNode.Parse(await response.Content.ReadAsStringAsync(limit.Token))!;
            Assert.Equal("chat.completion", (string?)answer["object"]);
            Assert.NotEqual("", (string?)answer["choices"]![0]!["message"]!["content"]);
        }
        finally
        {
            Shell.Kill(process);
        }
    }

    [Fact]
    public async Task TheToolTellsAStoryWithoutLibtorchOrModel()
    {
        var readme = File.ReadAllText(RepositoryFiles.At("README.md"));
        Assert.Contains("\ndotnet tool install --global TorchKv.Tool\n", readme, StringComparison.Ordinal);
        var command = Generate().Match(readme);
        Assert.True(command.Success);
        using var folder = new TemporaryFolder();
        var installed = await Shell.Run(packed.Outside, "dotnet", packed.Environment, "tool", "install", "TorchKv.Tool", "--tool-path", folder["tools"]);
        Assert.True(installed.ExitCode == 0, installed.Everything);

        var tool = folder[Path.Combine("tools", OperatingSystem.IsWindows() ? "torchkv.exe" : "torchkv")];
        string[] words = ["generate", "--prompt", command.Groups["prompt"].Value, .. command.Groups["more"].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        var told = await Shell.Run(folder.Path, tool, null, words);
        Assert.True(told.ExitCode == 0, told.Everything);
        Assert.True(told.Output.Length > 100, told.Output);

        var refused = await Shell.Run(folder.Path, tool, null, [.. words, "--runner", "torch"]);
        Assert.Equal((1, ""), (refused.ExitCode, refused.Output));
        Assert.Contains("TorchSharp-cpu", refused.Everything, StringComparison.Ordinal);
    }

    [GeneratedRegex("^POST (?<path>/\\S+) (?<body>\\{.*\\})$")]
    private static partial Regex Request();

    [GeneratedRegex("Now listening on: (http://\\S+)")]
    private static partial Regex Listening();

    [GeneratedRegex("^torchkv generate --prompt \"(?<prompt>[^\"]+)\"(?<more>[^\n]*)$", RegexOptions.Multiline)]
    private static partial Regex Generate();
}
