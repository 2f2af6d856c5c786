using System.Text.Json;
using TorchKv.Benchmarks.Masks;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Runtime.Text;
using TorchKv.Structured.Contracts;

namespace TorchKv.Benchmarks.Tests;

public class SchemaSuiteTests
{
    /// <summary>Where the suite of schemas is, in MaskBench's form; it is not part of the repository.</summary>
    private const string SuiteVariable = "TORCHKV_SCHEMA_SUITE";

    [Fact]
    public async Task ASuiteIsCountedCaseByCase()
    {
        var file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.jsonl");
        try
        {
            File.WriteAllLines(file,
            [
                """{"name":"order","schema":{"type":"object","properties":{"a":{"type":"integer"},"b":{"$ref":"#/$defs/n"}},"$defs":{"n":{"type":"null"}}},"tests":[{"valid":true,"data":{"b":null,"a":1}},{"valid":true,"data":{"a":1}},{"valid":false,"data":{"a":"1"}}]}""",
                """{"name":"refused","schema":{"type":"array","uniqueItems":true},"tests":[{"valid":true,"data":[]}]}""",
                """{"name":"wrong","schema":{"type":"string"},"tests":[{"valid":true,"data":1},{"valid":false,"data":"é\\n"}]}""",
            ]);
            var report = await RunAsync(file, new JsonSchemaOptions());
            Assert.Equal((2, 1), (report.FirstMasks.Count, report.Refusals["uniqueItems"]));
            Assert.Equal(
                ["valid, refused for its order: order", "valid, refused: wrong", "invalid, accepted: wrong"],
                report.Details.Where(line => !line.StartsWith("refused", StringComparison.Ordinal)));
            Assert.Equal((3, 2), report.Valid);
            Assert.Equal(1, report.ValidWrongInOrder);
            Assert.Equal((2, 1), report.Invalid);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData("""{"kind":"leaf","id":1,"name":"x"}""", """{"id":1,"name":"x","kind":"leaf"}""")]
    [InlineData("""{"right":[],"kind":"pair","left":[]}""", """{"kind":"pair","left":[],"right":[]}""")]
    public void AnInstanceComesInTheOrderOfItsBranch(string instance, string expected)
    {
        using var schema = JsonDocument.Parse("""
            {
              "anyOf": [
                { "properties": { "kind": { "enum": ["pair"] }, "left": {}, "right": {} }, "required": ["left"] },
                { "properties": { "id": {}, "name": {} }, "required": ["name"] }
              ]
            }
            """);
        using var data = JsonDocument.Parse(instance);
        Assert.Equal(expected, CompactJson.Of(SchemaOrder.Of(schema.RootElement, data.RootElement)));
    }

    [Fact]
    public async Task MostSchemasOfASuiteCompileAndRefuseInvalidInstances()
    {
        var suite = Environment.GetEnvironmentVariable(SuiteVariable);
        Assert.SkipUnless(suite is not null, $"{SuiteVariable} names no suite of schemas.");
        foreach (var order in Enum.GetValues<JsonPropertyOrder>())
        {
            var report = await RunAsync(
                suite!, new JsonSchemaOptions { Whitespace = JsonWhitespace.Any, PropertyOrder = order });
            var refused = report.Refusals.Values.Sum();
            Assert.True(report.FirstMasks.Count >= 0.85 * (report.FirstMasks.Count + refused), $"{refused} refused");
            Assert.Equal(0, report.Invalid.Wrong);

            // Where the order is the schema's, an instance is judged with its properties in that order.
            var wrong = order == JsonPropertyOrder.Schema ? report.ValidWrongInOrder : report.Valid.Wrong;
            Assert.True(wrong <= 0.002 * report.Valid.All, string.Join(Environment.NewLine, report.Details));
        }
    }

    private static Task<MaskFigures> RunAsync(string suite, JsonSchemaOptions options) => SuiteRun.RunAsync(
        SuiteEntry.Read(suite, options),
        Gpt2Tokenizer.Load(RepositoryFolder.At("weights", "gpt2-vocab")),
        TestContext.Current.CancellationToken);
}
