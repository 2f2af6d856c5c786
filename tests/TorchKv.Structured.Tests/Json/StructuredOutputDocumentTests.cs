using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.TestSupport;

namespace TorchKv.Structured.Tests.Json;

/// <summary>docs/structured-output.md: its example runs, and its table of refused groups is the list's.</summary>
public sealed class StructuredOutputDocumentTests
{
    private static readonly string s_text = File.ReadAllText(RepositoryFiles.At("docs", "structured-output.md"));

    [Theory]
    [InlineData(null)]
    [InlineData(1ul)]
    [InlineData(2ul)]
    public async Task TheExampleExtractsARecord(ulong? seed)
    {
        string schema = Regex.Match(s_text, "(?s)JsonSchema\\(\"\"\"(.*?)\"\"\"").Groups[1].Value;
        string prompt = Regex.Match(s_text, "var text = \"(.*)\";").Groups[1].Value;
        Assert.NotEmpty(schema);
        Assert.NotEmpty(prompt);
        await using var engine = await Engine.LoadAsync(Storyteller.Folder);
        var options = new GenerationOptions
        {
            MaxNewTokens = 100,
            Constraint = TokenConstraint.JsonSchema(schema),
            Seed = seed,
            Temperature = seed is null ? null : 1,
        };
        string answer = "";
        FinishReason? reason = null;
        await foreach (GeneratedPiece piece in engine.GenerateAsync(prompt, options))
        {
            answer += piece.Text;
            reason = piece.FinishReason ?? reason;
        }

        Assert.Equal(FinishReason.Stop, reason);
        JsonElement record = JsonDocument.Parse(answer).RootElement;
        Assert.Equal(["name", "age", "pet"], record.EnumerateObject().Select(property => property.Name));
        Assert.Matches("^[A-Z][a-z]{1,10}$", record.GetProperty("name").GetString());
        Assert.InRange(record.GetProperty("age").GetInt32(), 1, 12);
        Assert.Contains(record.GetProperty("pet").GetString(), (string[])["cat", "dog", "bird"]);
    }

    [Fact]
    public async Task TheGrammarTakesItsExampleAndNotTheOther()
    {
        string grammar = Regex.Match(s_text, "(?s)```gbnf\n(.*?)```").Groups[1].Value;
        Match example = Regex.Match(s_text, "`(.*)` belongs to it; `(.*)` does not\\.");
        Assert.NotEmpty(grammar);
        Assert.True(example.Success);
        var bytes = new ListVocabulary(Enumerable.Range(0, 256).Select(value => new[] { (byte)value }));
        ITokenMatcher start = await TokenConstraint.Grammar(grammar).CompileAsync(bytes);
        Assert.True(Takes(example.Groups[1].Value));
        Assert.False(Takes(example.Groups[2].Value));

        bool Takes(string text)
        {
            ITokenMatcher matcher = start.Fork();
            return Array.TrueForAll(Encoding.UTF8.GetBytes(text), value => matcher.TryAppend(value)) && matcher.CanEnd;
        }
    }

    [Fact]
    public void TheTableOfRefusedGroupsIsTheLists()
    {
        string[] list = File.ReadAllLines(
            RepositoryFiles.At("tests", "TorchKv.Structured.Tests", "Json", "official-suite.txt"));
        IEnumerable<string> rows = list
            .Where(line => line.StartsWith("refused | ", StringComparison.Ordinal))
            .GroupBy(line => line[(line.LastIndexOf('|') + 2)..])
            .Select(group => $"| `{group.Key}` | {group.Count()} |");
        Assert.NotEmpty(rows);
        Assert.All(rows, row => Assert.Contains(row, s_text, StringComparison.Ordinal));
    }
}
