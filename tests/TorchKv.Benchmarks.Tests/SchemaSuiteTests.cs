using TorchKv.Benchmarks.Schemas;
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
            var report = await SchemaSuite.RunAsync(SuiteCase.Read(file), new JsonSchemaOptions());
            Assert.Equal((3, 2), (report.Schemas, report.CompileTimes.Count));
            Assert.Equal("uniqueItems", Assert.Single(report.Refused).Keyword);
            Assert.Equal(["order #0", "wrong #0"], report.ValidRefused);
            Assert.Equal(["wrong #0"], report.ValidRefusedInOrder);
            Assert.Equal(["wrong #1"], report.InvalidAllowed);
            Assert.Equal((3, 2), (report.Valid, report.Invalid));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task MostSchemasOfASuiteCompileAndRefuseInvalidInstances()
    {
        var suite = Environment.GetEnvironmentVariable(SuiteVariable);
        Assert.SkipUnless(suite is not null, $"{SuiteVariable} names no suite of schemas.");
        var report = await SchemaSuite.RunAsync(
            SuiteCase.Read(suite!), new JsonSchemaOptions { Whitespace = JsonWhitespace.Any });
        Assert.True(report.CompileTimes.Count >= 0.85 * report.Schemas, string.Join(Environment.NewLine, report.Lines()));
        Assert.Empty(report.InvalidAllowed);
        Assert.True(report.ValidRefusedInOrder.Count <= 0.002 * report.Valid, string.Join(", ", report.ValidRefusedInOrder));
    }
}
