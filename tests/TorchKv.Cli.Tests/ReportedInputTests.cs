using System.Text;
using System.Text.Json;
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
    [InlineData("chat --max-new-tokens 3")]
    [InlineData("logits --prompt-ids 1,2")]
    [InlineData("compare --prompt-ids 1,2 --new-tokens 3 --runner cpu")]
    [InlineData("simulate --synthetic --requests 10")]
    [InlineData("--help")]
    public async Task UnwritableOutputIsOneLineAndExitCode1(string arguments)
    {
        var error = new StringWriter { NewLine = "\n" };
        await using var full = new StreamWriter(new FullDevice(), new UTF8Encoding(false), 16) { AutoFlush = false };
        var console = new CliConsole(full, error, () => new MemoryStream("Once\n"u8.ToArray()));
        string[] model = arguments.Split(' ')[0] is "tokenize" or "generate" or "chat" or "logits" or "compare"
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
    [InlineData("compare --config", false)]
    [InlineData("simulate --trace", false)]
    public Task AnEmptyFileNameIsOneSentence(string arguments, bool takesModel = true) => Fails(
        "'' is no name of a file",
        [.. arguments.Split(' '), "", .. (string[])(takesModel ? ["--model", s_storyteller] : [])]);

    // But the servers, whose output is where they listen and their log.
    [Fact]
    public void EveryCommandTakesJson()
    {
        var console = new CliConsole(TextWriter.Null, TextWriter.Null, () => Stream.Null);
        Assert.All(
            CliApplication.CreateRoot(console, null).Subcommands.Where(command => command.Name is not ("serve" or "page")),
            command => Assert.Contains(command.Options, option => option.Name == "--json"));
    }

    [Fact]
    public async Task IdsNeedNoTokenizerThatCanBeUsed()
    {
        var model = RepositoryFiles.Fixture("reports", "c-wp");

        var run = await Of("logits", "--model", model, "--prompt-ids", "1,2,3", "--json", "--top", "1");

        Assert.Equal(3, run.Json.GetProperty("tokens").GetInt32());
        var compared = await Of(
            "compare", "--model", model, "--runner", "cpu", "--prompt-ids", "1,2", "--new-tokens", "2", "--json");
        Assert.Equal(ExitCodes.Done, compared.ExitCode);
        await Fails("the model's tokenizer cannot be used: ", "logits", "--model", model, "--prompt", "a");
    }

    [Fact]
    public async Task PromptScoresAreNullFirstOnceAndCompleteAfterPreemptions()
    {
        using var folder = new TemporaryFolder();
        int[][] prompts = [.. Enumerable.Range(1, 6).Select(first => Enumerable.Range(first, 8).ToArray())];
        File.WriteAllLines(folder["p.jsonl"], prompts.Select(ids => $"{{\"prompt_ids\": [{string.Join(',', ids)}]}}"));
        string[] line =
        [
            "generate", "--model", RepositoryFiles.Fixture("reports", "c-base"), "--prompts", folder["p.jsonl"],
            "--json", "--prompt-logprobs", "--logprobs", "2", "--max-new-tokens", "24",
        ];

        // A request takes two blocks in the end, so that three blocks cannot hold two requests
        var alone = await Of(line);
        var preempted = await Of([.. line, "--blocks", "3"]);

        Assert.Equal(ExitCodes.Done, preempted.ExitCode);
        Assert.Equal(alone.Out.Split('\n').Select(Scores), preempted.Out.Split('\n').Select(Scores));
        foreach (var (answer, ids) in preempted.Out.TrimEnd().Split('\n').Zip(prompts))
        {
            var scores = JsonDocument.Parse(answer).RootElement.GetProperty("prompt_logprobs");
            Assert.Equal(JsonValueKind.Null, scores[0].ValueKind);
            Assert.Equal(ids[1..], scores.EnumerateArray().Skip(1).Select(score => score.GetProperty("id").GetInt32()));
            Assert.All(
                scores.EnumerateArray().Skip(1),
                score => Assert.Equal(2, score.GetProperty("top").GetArrayLength()));
        }

        static string? Scores(string answer) => answer.Length == 0
            ? null
            : JsonDocument.Parse(answer).RootElement.GetProperty("prompt_logprobs").GetRawText();
    }

    [Fact]
    public async Task DraftsFromEarlierTextLeaveTheTextAsItIs()
    {
        string[] line =
        [
            "generate", "--model", s_storyteller, "--prompt", "Once upon a time", "--max-new-tokens", "60", "--json",
        ];

        var plain = await Of(line);
        var drafted = await Of([.. line, "--prompt-lookup-num-tokens", "8"]);

        Assert.Equal(plain.Json.GetProperty("text").GetString(), drafted.Json.GetProperty("text").GetString());
        await RefusesUsage("--num-beams", [.. line, "--prompt-lookup-num-tokens", "8", "--num-beams", "2"]);
        await RefusesUsage("--cache", [.. line, "--prompt-lookup-num-tokens", "8", "--cache", "concat"]);
        await RefusesUsage("1 to 64", [.. line, "--prompt-lookup-num-tokens", "65"]);
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
