using System.Text.Json;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

/// <summary>Answers of a given form from the command line.</summary>
public class ConstraintOptionTests
{
    private static readonly string s_model = RepositoryFiles.Weights("storyteller");

    [Fact]
    public async Task ASchemaGivesJsonThatItAllows()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(
            folder["s.json"],
            """{"type":"object","properties":{"a":{"type":"integer","maximum":9,"minimum":1},"b":{"enum":["x","y"]}},"""
                + """ "required":["a","b"],"additionalProperties":false}""");
        var answer = JsonDocument.Parse(await Answer("--json-schema", folder["s.json"])).RootElement;
        Assert.InRange(answer.GetProperty("a").GetInt32(), 1, 9);
        Assert.Contains(answer.GetProperty("b").GetString(), (string[])["x", "y"]);
    }

    [Fact]
    public async Task RegexGrammarAndChoicesGiveTextsOfTheirForm()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["g.txt"], "root ::= \"<\" [a-c]{2} \">\"");
        Assert.Matches("^[0-9]{2}$", await Answer("--regex", "[0-9]{2}"));
        Assert.Matches("^<[a-c]{2}>$", await Answer("--grammar", folder["g.txt"]));
        Assert.Contains(await Answer("--choice", " big", "--choice", " small"), (string[])[" big", " small"]);
    }

    [Fact]
    public async Task TwoFormsAreRefused()
    {
        var run = await Of(["generate", "--model", s_model, "--prompt", "x", "--regex", "a", "--choice", "b"]);
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains("--regex and --choice", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnUnsupportedSchemaIsRefusedWithItsPlace()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["s.json"], """{"items":{"uniqueItems":true}}""");
        var run = await Of(["generate", "--model", s_model, "--prompt", "x", "--json-schema", folder["s.json"]]);
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains("\"uniqueItems\"", run.Error, StringComparison.Ordinal);
        Assert.Contains("#/items", run.Error, StringComparison.Ordinal);
    }

    private static async Task<string> Answer(params string[] form)
    {
        var run = await Of(
            ["generate", "--model", s_model, "--prompt", "The dog is", "--max-new-tokens", "60", "--json", .. form]);
        return run.Json.GetProperty("text").GetString()!;
    }
}
