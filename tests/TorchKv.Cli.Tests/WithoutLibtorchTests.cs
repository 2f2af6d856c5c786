using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json;
using TorchKv.Cli.CommandLine;
using TorchKv.TestSupport;

namespace TorchKv.Cli.Tests;

/// <summary>
/// The command line on a machine that has no libtorch: a copy of its managed files in a folder of their own, where no native library
/// lies and none is named by the environment; TorchSharp's assembly is there (as installed) or not even that.
/// </summary>
public sealed class WithoutLibtorchTests : IDisposable
{
    private static readonly string s_storyteller = RepositoryFiles.Weights("storyteller");

    private const string Remedy = "; build the program again, or take --runner cpu, which needs no libtorch.\n";

    private readonly TemporaryFolder folder = new();

    public static TheoryData<bool> TorchSharp { get; } = [true, false];

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(TorchSharp))]
    public async Task GenerateGivesTheGoldenStory(bool torchSharp)
    {
        var golden = Storyteller.Golden.GetProperty("prompts")[0];
        var json = (await Run(torchSharp, "generate", "--model", s_storyteller, "--prompt", golden.GetProperty("prompt").GetString()!, "--max-new-tokens", "20", "--json")).Json;
        Assert.Equal(Numbers(golden.GetProperty("greedy_ids"))[..20], Numbers(json.GetProperty("ids")));
    }

    [Theory]
    [MemberData(nameof(TorchSharp))]
    public async Task AServerAnswers(bool torchSharp)
    {
        using var server = await ServeProcess.Start(Start(torchSharp, "serve", "--model", s_storyteller, "--port", "0"));
        using var body = new StringContent(
            """{"model":"storyteller","prompt":"Once upon a time","max_tokens":2}""", Encoding.UTF8, "application/json");
        using var response = await server.Client.PostAsync("/v1/completions", body);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains("\"completion_tokens\":2", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(TorchSharp))]
    public async Task LogitsAndPerplexityAreHuggingFaces(bool torchSharp)
    {
        var golden = Storyteller.Golden.GetProperty("prompts")[0];
        var top = (await Run(torchSharp, "logits", "--model", s_storyteller, "--prompt", golden.GetProperty("prompt").GetString()!, "--top", "1", "--json")).Json;
        Assert.Equal(golden.GetProperty("greedy_ids")[0].GetInt32(), top.GetProperty("top")[0].GetProperty("id").GetInt32());

        var perplexity = (await Run(torchSharp, "perplexity", "--model", s_storyteller, "--file", RepositoryFiles.Fixture("storyteller", "heldout.txt"), "--json")).Json;
        Assert.Equal(Storyteller.Golden.GetProperty("heldout").GetProperty("stride_512").GetProperty("perplexity").GetDouble(), perplexity.GetProperty("perplexity").GetDouble(), 1e-4);
    }

    [Theory]
    [MemberData(nameof(TorchSharp))]
    public async Task CompareRunsOnTheCpuRunnerAlone(bool torchSharp)
    {
        string[] line = ["compare", "--model", s_storyteller, "--prompt-ids", "1,2,3", "--new-tokens", "8", "--json"];
        var asked = (await Run(torchSharp, [.. line, "--runner", "cpu"])).Json;
        Assert.True(asked.GetProperty("same").GetBoolean());

        // Not asked for a runner it says why there is one only, and goes on.
        var run = await Run(torchSharp, line);
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Contains("The CPU runner alone is compared.", run.Error, StringComparison.Ordinal);
        Assert.Equal(
            asked.GetProperty("variants").EnumerateArray().Select(variant => variant.GetProperty("cache").GetString()),
            JsonDocument.Parse(run.Out).RootElement.GetProperty("variants").EnumerateArray().Select(variant => variant.GetProperty("cache").GetString()));
    }

    [Theory]
    [InlineData(true, "was not found")]
    [InlineData(false, "TorchSharp.dll is not beside this program")]
    public async Task TheTorchRunnerNamesWhatIsMissingInOneSentence(bool torchSharp, string words)
    {
        var run = await Run(torchSharp, "generate", "--model", s_storyteller, "--prompt", "a", "--runner", "torch");

        Assert.Equal((ExitCodes.Failed, ""), (run.ExitCode, run.Out));
        Assert.StartsWith("torchkv: ", run.Error, StringComparison.Ordinal);
        Assert.Contains(words, run.Error, StringComparison.Ordinal);
        Assert.Contains("libtorch", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
        Assert.Equal(1, run.Error.Count(character => character == '\n'));
    }

    [Theory]
    [InlineData("compare", "--article", "--new-tokens", "2")]
    [InlineData("check-port", "--trace", "none.safetensors", "--article")]
    public async Task CommandsThatNeedLibtorchFailWithOneSentence(params string[] line)
    {
        var run = await Run(true, line);

        Assert.Equal((ExitCodes.Failed, ""), (run.ExitCode, run.Out));
        Assert.Equal("torchkv: libtorch was not found beside this program" + Remedy, run.Error);
    }

    [Fact]
    public async Task AnUnloadableLibraryIsNamedWithTheReason()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The message is the Linux loader's.");
        File.WriteAllText(folder["libLibTorchSharp.so"], "not a library");

        var run = await Run(true, "generate", "--model", s_storyteller, "--prompt", "a", "--runner", "torch");

        Assert.Equal((ExitCodes.Failed, ""), (run.ExitCode, run.Out));
        var file = folder["libLibTorchSharp.so"];
        Assert.Equal($"torchkv: libtorch could not be loaded: {file}: file too short" + Remedy, run.Error);
    }

    [Theory]
    [MemberData(nameof(TorchSharp))]
    public async Task InfoSaysThatLibtorchIsNotThere(bool torchSharp)
    {
        var json = (await Run(torchSharp, "info", "--json")).Json;
        Assert.Equal(JsonValueKind.Null, json.GetProperty("libtorch").ValueKind);
        Assert.Equal(torchSharp ? JsonValueKind.String : JsonValueKind.Null, json.GetProperty("torchsharp").ValueKind);
    }

    [Fact]
    public async Task NoLibtorchIsCopiedFromThePackageCache()
    {
        await Run(true, "generate", "--model", s_storyteller, "--prompt", "a", "--runner", "torch");

        Assert.Empty(Directory.EnumerateDirectories(folder.Path));
    }

    private static int[] Numbers(JsonElement array) => [.. array.EnumerateArray().Select(element => element.GetInt32())];

    private async Task<CommandLineRun> Run(bool torchSharp, params string[] arguments)
    {
        using var process = ChildProcess.Start(Start(torchSharp, arguments));
        process.StandardInput.Close();
        return await ChildProcess.Finish(process);
    }

    private ProcessStartInfo Start(bool torchSharp, params string[] arguments)
    {
        // Managed files alone: libtorch lies in folders below.
        foreach (var file in Directory.EnumerateFiles(AppContext.BaseDirectory))
        {
            var name = Path.GetFileName(file);
            var managed = name.EndsWith(".dll", StringComparison.Ordinal) && !name.StartsWith("xunit", StringComparison.Ordinal) && (torchSharp || name != "TorchSharp.dll");
            if (managed || name is "TorchKv.Cli" or "TorchKv.Cli.exe" or "TorchKv.Cli.deps.json" or "TorchKv.Cli.runtimeconfig.json")
            {
                File.Copy(file, folder[name], overwrite: true);
            }
        }

        var start = ChildProcess.StartInfo(folder.Path, arguments);
        foreach (var variable in new[] { "LD_LIBRARY_PATH", "LD_PRELOAD" })
        {
            start.Environment.Remove(variable);
        }

        return start;
    }
}
