using System.Text.Json;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

public class TokenizeCommandTests
{
    private static readonly string s_gpt2 = RepositoryFiles.Weights("gpt2-vocab");

    [Fact]
    public async Task PlainTextGivesIdsAsPromptIdsTakesThem()
    {
        var run = await WithInput("Hello, I am", "tokenize", "--model", s_gpt2);
        Assert.Equal((0, "15496,11,314,716\n", ""), (run.ExitCode, run.Out, run.Error));
    }

    [Theory]
    [InlineData("--prompt", "Hello, I am")]
    [InlineData("-")]
    [InlineData("--prompt-file", "-")]
    public async Task TextComesFromAnyOfItsSources(params string[] arguments)
    {
        var run = await WithInput("Hello, I am", ["tokenize", "--model", s_gpt2, .. arguments]);
        Assert.Equal("15496,11,314,716\n", run.Out);
    }

    [Fact]
    public async Task WithJsonTheIdsAreAnObject()
    {
        var json = (await WithInput("Hello, I am", "tokenize", "--model", s_gpt2, "--json")).Json;
        Assert.Equal(["ids", "decoded"], Keys(json));
        Assert.Equal("[15496,11,314,716]", json.GetProperty("ids").GetRawText());
        Assert.Equal("Hello, I am", json.GetProperty("decoded").GetString());
        Assert.Equal(
            json.GetRawText(),
            (await WithInput(
                "{\"text\": \"Hello, I am\"}\n",
                "tokenize",
                "--model",
                s_gpt2,
                "--lines",
                "--json")).Json.GetRawText());
    }

    [Fact]
    public async Task LinesEndAtLineFeedsOnlyBadOnesAreNamed()
    {
        byte[] good = [0xEF, 0xBB, 0xBF, .. "{\"text\": \"a\u2028b\"}\r\n\n{\"text\": \"c\"}"u8];
        var run = await WithBytes(good, "tokenize", "--model", s_gpt2, "--lines");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(
            ["a\u2028b", "c"],
            run.Out.TrimEnd('\n').Split('\n').Select(
                line => JsonDocument.Parse(line).RootElement.GetProperty("decoded").GetString()));
        var bad = await WithBytes(
            [.. "{\"text\": \"a\"}\n"u8, 0xff, (byte)'\n'], "tokenize", "--model", s_gpt2, "--lines");
        Assert.Equal(1, bad.ExitCode);
        Assert.Single(bad.Out.TrimEnd('\n').Split('\n'));
        Assert.Contains("line 2 is not UTF-8", bad.Error);
    }

    [Fact]
    public async Task ATrailingNewlineIsPartOfTheText()
    {
        var run = await WithInput("Hello, I am\n", "tokenize", "--model", s_gpt2);
        Assert.Equal("15496,11,314,716,198\n", run.Out);
    }

    [Fact]
    public async Task EachLineGetsHuggingFacesIdsAsOneJsonObject()
    {
        var cases = JsonDocument.Parse(File.ReadAllText(RepositoryFiles.Fixture("tokenizer-gpt2.json"))).RootElement;
        var items = (cases.ValueKind == JsonValueKind.Array ? cases : cases.EnumerateObject().First(
            member => member.Value.ValueKind == JsonValueKind.Array).Value).EnumerateArray().ToList();
        var input = string.Concat(
            items.Select(
                item => JsonSerializer.Serialize(
                    new Dictionary<string, string> { ["text"] = item.GetProperty("text").GetString()! }) + "\n"));
        var run = await WithInput(input, "tokenize", "--lines", "--model", s_gpt2);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        var answers = run.Out.TrimEnd('\n').Split('\n');
        Assert.Equal(items.Count, answers.Length);
        foreach (var (item, answer) in items.Zip(answers))
        {
            var json = JsonDocument.Parse(answer).RootElement;
            Assert.Equal(["ids", "decoded"], Keys(json));
            Assert.Equal(
                item.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()),
                json.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()));
            Assert.Equal(item.GetProperty("decoded").GetString(), json.GetProperty("decoded").GetString());
        }
    }

    [Theory]
    [InlineData("line 2 is not JSON", "{\"text\":\"a\"}\nnonsense\n")]
    [InlineData("line 1 has to be an object", "[1]\n")]
    [InlineData("line 1 has to be an object", "{\"text\":3}\n")]
    [InlineData("line 1: the text is not valid", "{\"text\":\"\\ud800\"}\n")]
    public async Task ABadLineIsNamedByItsNumber(string words, string input)
    {
        var run = await WithInput(input, "tokenize", "--lines", "--model", s_gpt2);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains(words, run.Error);
    }

    [Fact]
    public Task IdsAreNoText() => RefusesUsage("takes text", "tokenize", "--prompt-ids", "1,2");

    [Fact]
    public Task TwoPromptsAreOneTooMany() => RefusesUsage("exclude one another", "tokenize", "--prompt", "a", "-");

    [Fact]
    public Task AWordWithoutItsOptionIsNoPrompt() => RefusesUsage("goes after --prompt", "tokenize", "Hello");

    [Fact]
    public async Task AFileOutsideUtf8IsRefusedByNameAndPlace()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "latin1.txt");
        File.WriteAllBytes(file, [0x61, 0x62, 0xE9, 0x63]);
        await Fails("is not UTF-8 text (byte 2)", "tokenize", "--prompt-file", file, "--model", s_gpt2);
    }

    [Fact]
    public Task AFolderWithoutAVocabularyIsNamed() =>
        Fails("nowhere", "tokenize", "--prompt", "a", "--model", "nowhere");
}
