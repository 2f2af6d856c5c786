using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

public class PlanCommandTests
{
    [Fact]
    public async Task JsonHasExactlyTheKeysThatScriptsRead()
    {
        var json = (await Of("plan", "--layers", "12", "--heads", "12", "--head-dim", "64", "--tokens", "1024", "--prompt-tokens", "2", "--new-tokens", "99", "--json")).Json;
        Assert.Equal(["elements", "bytes", "computations"], Keys(json));
        Assert.Equal(["without_cache", "with_cache"], Keys(json.GetProperty("computations")));
    }

    [Theory]
    [InlineData("64", "float16", 2_415_919_104, 4_831_838_208)]
    [InlineData("64", "int8", 2_415_919_104, 2_415_919_104)]
    [InlineData("128", "float16", 4_831_838_208, 9_663_676_416)]
    [InlineData("128", "int4", 4_831_838_208, 2_415_919_104)]
    public async Task Gpt3sCacheIsTheSizeThatTheLiteratureGives(string headDim, string dtype, long elements, long bytes)
    {
        var json = (await Of("plan", "--layers", "96", "--heads", "96", "--head-dim", headDim, "--tokens", "2048", "--dtype", dtype, "--json")).Json;
        Assert.Equal(elements, json.GetProperty("elements").GetInt64());
        Assert.Equal(bytes, json.GetProperty("bytes").GetInt64());
    }

    [Fact]
    public async Task AHundredTokensTake5049ComputationsWithoutACacheAnd100With()
    {
        var computations = (await Of("plan", "--prompt-tokens", "2", "--new-tokens", "99", "--json")).Json.GetProperty("computations");
        Assert.Equal(5049, computations.GetProperty("without_cache").GetInt64());
        Assert.Equal(100, computations.GetProperty("with_cache").GetInt64());
    }

    [Fact]
    public async Task AModelsFolderGivesShapeAndContext()
    {
        var json = (await Of("plan", "--model", RepositoryWeights, "--json")).Json;
        Assert.Equal(2L * 6 * 8 * 32 * 512, json.GetProperty("elements").GetInt64());
    }

    [Fact]
    public async Task TheTextShowsEveryTermOfTheFormula()
    {
        var run = await Of("plan", "--layers", "96", "--heads", "96", "--head-dim", "64", "--tokens", "2048", "--dtype", "float16", "--memory", "24GiB");
        Assert.Contains("2 · layers · heads · head_dim · tokens · batch · bytes per element", run.Out);
        Assert.Contains("2 · 96 · 96 · 64 · 2,048 · 1 · 2 (float16)", run.Out);
        Assert.Contains("2,415,919,104 elements", run.Out);
        Assert.Contains("4,831,838,208 bytes (4.50 GiB, 4.83 GB)", run.Out);
        Assert.Contains("5 sequences of 2,048 tokens", run.Out);
        Assert.Contains("10,922 tokens", run.Out);
    }

    [Fact]
    public async Task WhatFitsIsInTheJsonWhereRequested()
    {
        var json = (await Of("plan", "--layers", "96", "--heads", "96", "--head-dim", "64", "--tokens", "2048", "--dtype", "float16", "--memory", "24GiB", "--json")).Json;
        Assert.Equal(5, json.GetProperty("fits").GetProperty("batch").GetInt64());
        Assert.Equal(10_922, json.GetProperty("fits").GetProperty("context").GetInt64());
    }

    [Theory]
    [InlineData("--layers takes a whole number from 1 to 1000000, not 'x'", "--layers", "x")]
    [InlineData("--layers takes a whole number from 1 to 1000000, not '0'", "--layers", "0")]
    [InlineData("--layers takes a whole number from 1 to 1000000, not '99999999999999999999'", "--layers", "99999999999999999999")]
    [InlineData("--layers takes a whole number from 1 to 1000000, not '1.5'", "--layers", "1.5")]
    [InlineData("--dtype takes one of", "--dtype", "float31")]
    [InlineData("--memory takes a size", "--memory", "NaN")]
    [InlineData("--memory takes a size", "--memory", "1e400")]
    [InlineData("--memory takes a size", "--memory", "-1")]
    [InlineData("--heads is missing", "--layers", "1")]
    [InlineData("plan needs a shape")]
    [InlineData("go together", "--prompt-tokens", "1")]
    [InlineData("--tokens is missing", "--layers", "1", "--heads", "1", "--head-dim", "1")]
    [InlineData("2^63", "--layers", "1000000", "--heads", "1000000", "--head-dim", "1000000", "--tokens", "1000000000")]
    public Task BadValuesAreRefusedByNameWithTheirLimits(string words, params string[] arguments) => RefusesUsage(words, ["plan", .. arguments]);

    [Fact]
    public Task AMissingModelIsAFailureNotAUsageError() => Fails("nowhere", "plan", "--model", "nowhere");

    private static string RepositoryWeights => TorchKv.TestSupport.RepositoryFiles.Weights("storyteller");
}
