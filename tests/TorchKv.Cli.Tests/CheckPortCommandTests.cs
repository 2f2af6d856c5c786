using TorchKv.Cli.CommandLine;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

[Collection(nameof(TorchGenerator))]
public class CheckPortCommandTests
{
    private static readonly string Right = RepositoryFiles.Fixture("trace", "right.safetensors");
    private static readonly string Erf = RepositoryFiles.Fixture("trace", "gelu-erf-in-block-1.safetensors");
    private static readonly string Positions = RepositoryFiles.Fixture("trace-mistakes", "positions-restart.safetensors");

    [Fact]
    public async Task TheRightModelIsTheSameWithExitCode0()
    {
        var json = (await Of("check-port", "--trace", Right, "--article", "--json")).Json;

        Assert.Equal(["same", "first", "looks_like", "modules"], Keys(json));
        Assert.True(json.GetProperty("same").GetBoolean());
        Assert.Equal(System.Text.Json.JsonValueKind.Null, json.GetProperty("first").ValueKind);
        Assert.Equal(255, json.GetProperty("modules").GetArrayLength());
        Assert.Equal(["key", "max_abs", "max_rel", "within"], Keys(json.GetProperty("modules")[0]));
    }

    [Fact]
    public async Task AMistakeIsNamedWithExitCode1()
    {
        var run = await Of("check-port", "--trace", Positions, "--article", "--json");
        var json = System.Text.Json.JsonDocument.Parse(run.Out).RootElement;

        Assert.Equal(ExitCodes.Failed, run.ExitCode);
        Assert.Equal("", run.Error);
        Assert.False(json.GetProperty("same").GetBoolean());
        Assert.Equal("001.pos_emb", json.GetProperty("first").GetString());
        Assert.Contains("positions", json.GetProperty("looks_like").GetString());
        Assert.Contains(json.GetProperty("modules").EnumerateArray(), module => module.GetProperty("key").GetString() == "001.pos_emb" && !module.GetProperty("within").GetBoolean());
    }

    [Fact]
    public async Task TheTableShowsTheFirstDifferencesNeighbourhoodIn80Columns()
    {
        var run = await Of("check-port", "--trace", Erf, "--article");

        Assert.Contains("It differs, first at 000.trf_blocks.1.ff.layers.1.", run.Out);
        Assert.Contains("It looks like: an approximation", run.Out);
        Assert.Contains("→ 000.trf_blocks.1.ff.layers.1", run.Out);
        Assert.Contains("  000.trf_blocks.1.ff.layers.0", run.Out);
        Assert.Contains("× 000.trf_blocks.1.ff.layers.2", run.Out);
        Assert.All(run.Out.Split('\n'), line => Assert.True(line.Length <= 80, line));
    }

    [Fact]
    public async Task APlotIsAnSvgOfItsOwn()
    {
        var path = Path.Combine(Path.GetTempPath(), $"check-port-{Guid.NewGuid():N}.svg");
        try
        {
            var run = await Of("check-port", "--trace", Erf, "--article", "--plot", path);

            Assert.Equal(ExitCodes.Failed, run.ExitCode);
            Assert.Equal("svg", System.Xml.Linq.XDocument.Load(path).Root!.Name.LocalName);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData("--trace is missing", "--article")]
    [InlineData("either --model DIR or --article", "--trace", "x")]
    [InlineData("either --model DIR or --article", "--trace", "x", "--article", "--model", "y")]
    [InlineData("--config and --seed go with --article", "--trace", "x", "--model", "y", "--seed", "1")]
    public Task WhatDoesNotGoTogetherIsRefused(string words, params string[] arguments) => RefusesUsage(words, ["check-port", .. arguments]);

    [Fact]
    public Task ATraceThatIsNotThereIsAFailure() => Fails("nowhere.safetensors", "check-port", "--trace", "nowhere.safetensors", "--article");

    [Fact]
    public Task AFileThatIsNoTraceIsAFailure() =>
        Fails("is not a trace", "check-port", "--trace", RepositoryFiles.Fixture("article", "article-small.safetensors"), "--article");

    [Fact]
    public async Task AModelOfAnotherWidthDiffersInShape()
    {
        var run = await Of("check-port", "--trace", Right, "--model", RepositoryFiles.Fixture("hf", "gelu-new"));

        Assert.Equal(ExitCodes.Failed, run.ExitCode);
        Assert.Contains("first at 000.tok_emb", run.Out);
        Assert.Contains("shape", run.Out);
    }

    [Theory]
    [InlineData("k-rightpad")]
    [InlineData("k-ddp")]
    [InlineData("k-two")]
    public async Task TheUnchangedModelIsTheSameHoweverItWasCalled(string trace)
    {
        var run = await Of(
            "check-port",
            "--trace", RepositoryFiles.Fixture("reports", trace + ".safetensors"),
            "--model", RepositoryFiles.Fixture("reports", "c-base"));

        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.StartsWith("The same.", run.Out);
    }

    [Fact]
    public async Task IdsBeyondTheVocabularyAreAFailure()
    {
        var path = Path.Combine(Path.GetTempPath(), $"check-port-{Guid.NewGuid():N}.json");
        try
        {
            await File.WriteAllTextAsync(path, """{"vocab_size":100,"context_length":32,"emb_dim":24,"n_heads":3,"n_layers":3,"drop_rate":0.1,"qkv_bias":true}""");

            await Fails("the id 161", "check-port", "--trace", Right, "--article", "--config", path);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
