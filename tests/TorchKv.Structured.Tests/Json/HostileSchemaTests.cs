using System.Text.Json;
using System.Text.Json.Nodes;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Structured.Tests.Json;

public sealed class HostileSchemaTests
{
    private const string Integer = "{\"type\":\"integer\"}";

    private static readonly ListVocabulary s_vocabulary = new(
        [.. Enumerable.Range(0, 256).Select(value => new[] { (byte)value })]);

    /// <summary>Schemas that would take too much, by name.</summary>
    public static TheoryData<string, string> Schemas => new()
    {
        { "alternatives multiplied by allOf", AllOf(12, i => AnyOf(4, j => Property($"p{i}", Const(j)))) },
        { "not over many objects", "{\"not\":" + AnyOf(12, i => Property($"p{i}", Integer)) + "}" },
        { "dependentRequired in a ring", Ring(40) },
        { "15,000 properties", Object(15_000) },
        { "properties counted up to 900", "{\"maxProperties\":900,\"minProperties\":700," + Object(1500)[1..] },
        { "items counted to ten million", """{"contains":{"type":"integer"},"minContains":10000000}""" },
        { "30,000 values", "{\"enum\":[" + Join(30_000, i => $"{i}") + "]}" },
        { "a divisor of five digits", """{"type":"integer","multipleOf":99991}""" },
        { "a divisor and bounds of 300 digits", Multiple(new string('0', 300)) },
        { "patterns that never meet", AllOf(8, NeverMeeting) },
        { "a reference to itself", """{"$ref":"#"}""" },
        { "a reference to itself through not", """{"not":{"$ref":"#"}}""" },
        { "an object that never ends", """{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}""" },
    };

    [Theory]
    [MemberData(nameof(Schemas), DisableDiscoveryEnumeration = true)]
    public async Task ASchemaThatIsTooMuchIsRefusedByKeyword(string name, string schema)
    {
        var error = await Assert.ThrowsAsync<ConstraintException>(
            async () => await TokenConstraint.JsonSchema(schema).CompileAsync(s_vocabulary));
        Assert.False(string.IsNullOrEmpty(error.Keyword), $"{name}: {error.Message}");
    }

    [Fact]
    public async Task ANestThatIsTooDeepNamesTheLimit()
    {
        var schema = string.Concat(Enumerable.Repeat("{\"items\":", 5000)) + "true" + new string('}', 5000);
        var error = await Assert.ThrowsAsync<ConstraintException>(
            async () => await TokenConstraint.JsonSchema(schema).CompileAsync(s_vocabulary));
        Assert.Contains("128 levels", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ReferencesThatDoubleFortyTimesAreReadOnce()
    {
        var definitions = new JsonObject { ["d40"] = new JsonObject { ["type"] = "integer" } };
        for (var i = 0; i < 40; i++)
        {
            var part = $$"""{"$ref":"#/$defs/d{{i + 1}}"}""";
            definitions[$"d{i}"] = JsonNode.Parse($$"""{"allOf":[{{part}},{{part}}]}""");
        }

        var schema = new JsonObject { ["$ref"] = "#/$defs/d0", ["$defs"] = definitions };
        var matcher = await TokenConstraint.JsonSchema(schema.ToJsonString()).CompileAsync(s_vocabulary);
        Assert.True(matcher.TryAppend('7') && matcher.CanEnd);
    }

    private static string AllOf(int count, Func<int, string> part) => $$"""{"allOf":[{{Join(count, part)}}]}""";

    private static string AnyOf(int count, Func<int, string> part) => $$"""{"anyOf":[{{Join(count, part)}}]}""";

    private static string Property(string name, string schema) =>
        $$"""{"properties":{"{{name}}":{{schema}}},"required":["{{name}}"]}""";

    private static string NeverMeeting(int i) =>
        $"{{\"type\":\"string\",\"pattern\":\".*{(char)('a' + i)}.{{{i + 5}}}{(char)('a' + i)}\"}}";

    private static string Multiple(string zeros) =>
        $"{{\"type\":\"integer\",\"multipleOf\":19997,\"minimum\":-1{zeros},\"maximum\":1{zeros}}}";

    private static string Const(int value) => $$"""{"const":{{value}}}""";

    private static string Object(int properties) =>
        "{\"properties\":{" + Join(properties, i => $"\"property-{i}\":{Integer}") + "}}";

    private static string Ring(int properties) =>
        "{\"properties\":{" + Join(properties, i => $"\"p{i}\":true") + "},\"dependentRequired\":{"
        + Join(properties, i => $"\"p{i}\":[\"p{((i * 7) + 1) % properties}\"]") + "}}";

    private static string Join(int count, Func<int, string> part) =>
        string.Join(',', Enumerable.Range(0, count).Select(part));
}
