using System.Text;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Terminal;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

/// <summary>Inputs and outputs that broke other programs; docs/reports.md has the list.</summary>
public sealed class ReportedInputTests
{
    private static readonly string s_storyteller = RepositoryFiles.Weights("storyteller");

    [Theory]
    [InlineData("info")]
    [InlineData("info --json")]
    [InlineData("plan --layers 2 --heads 2 --head-dim 4 --tokens 8")]
    [InlineData("tokenize --prompt x")]
    [InlineData("generate --prompt Once --max-new-tokens 3")]
    [InlineData("--help")]
    public async Task OutputThatCannotBeWrittenIsOneLineAndExitCode1(string arguments)
    {
        var error = new StringWriter { NewLine = "\n" };
        await using var full = new StreamWriter(new FullDevice(), new UTF8Encoding(false), 16) { AutoFlush = false };
        var console = new CliConsole(full, error, () => Stream.Null);
        string[] model = arguments.StartsWith("tokenize", StringComparison.Ordinal)
            || arguments.StartsWith("generate", StringComparison.Ordinal)
            ? ["--model", s_storyteller]
            : [];

        var code = await CliApplication.RunAsync([.. arguments.Split(' '), .. model], console, CancellationToken.None);

        Assert.Equal(ExitCodes.Failed, code);
        Assert.Contains("No space left", error.ToString());
        Assert.DoesNotContain("   at ", error.ToString());
        Assert.All(error.ToString().TrimEnd().Split('\n'), line => Assert.StartsWith("torchkv: ", line));
    }

    [Fact]
    public async Task LinesOfPromptsEndAtALineFeedAlone()
    {
        using var folder = new TemporaryFolder();
        var path = folder["prompts.jsonl"];
        File.WriteAllText(path, "{\"prompt\": \"a\u2028b\u0085c\u2029d\"}\r\n{\"prompt\": \"e\"}\n");

        var run = await Of(
            "generate", "--model", s_storyteller, "--prompts", path, "--json", "--max-new-tokens", "1");

        Assert.Equal("", run.Error);
        Assert.Equal(2, run.Out.Count(character => character == '\n'));
    }

    [Fact]
    public async Task AByteOrderMarkBeforeIdsIsDropped()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["ids.json"], [0xEF, 0xBB, 0xBF, .. "[1, 2, 3, 4]"u8]);

        var run = await Of("perplexity", "--model", s_storyteller, "--ids-file", folder["ids.json"], "--json");

        Assert.Equal(3, run.Json.GetProperty("tokens").GetInt32());
    }

    [Theory]
    [InlineData("generate --prompt-file")]
    [InlineData("generate --prompts")]
    [InlineData("perplexity --file")]
    [InlineData("perplexity --ids-file")]
    public Task AnEmptyNameOfAFileToReadIsOneSentence(string arguments) =>
        Fails("'' is no name of a file", [.. arguments.Split(' '), "", "--model", s_storyteller]);

    [Fact]
    public async Task IdsNeedNoTokenizerThatCanBeUsed()
    {
        var model = RepositoryFiles.Fixture("reports", "c-wp");

        var run = await Of("logits", "--model", model, "--prompt-ids", "1,2,3", "--json", "--top", "1");

        Assert.Equal(3, run.Json.GetProperty("tokens").GetInt32());
        await Fails("the model's tokenizer cannot be used: ", "logits", "--model", model, "--prompt", "a");
    }

    [Fact]
    public async Task TensorsThatAreSkippedAreNamedOnce()
    {
        var model = RepositoryFiles.Fixture("reports", "c-vhead");

        var run = await Of("generate", "--model", model, "--prompt-ids", "1,2", "--max-new-tokens", "1", "--json");

        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Contains("v_head", Assert.Single(run.Error.TrimEnd().Split('\n')));
    }

    /// <summary>Takes no byte, as /dev/full.</summary>
    private sealed class FullDevice : MemoryStream
    {
        public override void Write(byte[] buffer, int offset, int count) => throw Full();

        public override void Write(ReadOnlySpan<byte> buffer) => throw Full();

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromException(Full());

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            Task.FromException(Full());

        private static IOException Full() => new("No space left on device");
    }
}
