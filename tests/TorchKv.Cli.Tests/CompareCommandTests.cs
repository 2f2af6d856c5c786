using System.Xml.Linq;
using TorchKv.Cli.Models;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

public class CompareCommandTests
{
    private static readonly string s_storyteller = RepositoryFiles.Weights("storyteller");

    [Fact]
    public async Task EveryCacheMakesTheSameTokensAndJsonKeys()
    {
        var golden = Storyteller.Golden.GetProperty("prompts")[0];
        var json = (await Of("compare", "--model", s_storyteller, "--prompt", golden.GetProperty("prompt").GetString()!, "--new-tokens", "40", "--json", "--runner", "torch")).Json;
        Assert.Equal(["variants", "same"], Keys(json));
        Assert.True(json.GetProperty("same").GetBoolean());
        var variants = json.GetProperty("variants").EnumerateArray().ToList();
        Assert.Equal(["none", "concat", "static", "sliding-window", "quantized"], variants.Select(variant => variant.GetProperty("cache").GetString()));
        var expected = golden.GetProperty("prompt_ids").EnumerateArray().Concat(golden.GetProperty("greedy_ids").EnumerateArray().Take(40)).Select(id => id.GetInt32());
        foreach (var variant in variants)
        {
            Assert.Equal(["cache", "ids", "tokens_per_second", "first_token_ms", "early_ms_per_token", "late_ms_per_token", "cache_bytes"], Keys(variant));
            Assert.Equal(expected, variant.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()));
            Assert.Equal(variant.GetProperty("cache").GetString() == "none", variant.GetProperty("cache_bytes").GetInt64() == 0);
        }
    }

    [Fact]
    public async Task TheTableFits80ColumnsAndThePlotIsADrawing()
    {
        using var folder = new TemporaryFolder();
        var run = await Of("compare", "--model", s_storyteller, "--new-tokens", "8", "--plot", folder["compare.svg"]);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        var table = run.Out[run.Out.IndexOf("cache ", StringComparison.Ordinal)..];
        Assert.All(table.Split('\n'), line => Assert.True(line.Length <= 80, line));
        Assert.DoesNotContain('\e', run.Out);
        Assert.True(XDocument.Load(folder["compare.svg"]).Descendants().Count(element => element.Name.LocalName == "path") >= 5);
    }

    [Fact]
    public Task TokensPastTheContextAreRefusedByNumbersBeforeRunning() =>
        Fails("9 tokens used + 504 requested = 513, but the context holds 512 tokens", "compare", "--model", s_storyteller, "--new-tokens", "504");

    [Theory]
    [InlineData("leave out --config", "--article", "--config", "x.json")]
    [InlineData("--seed goes with --article or --config", "--seed", "1")]
    [InlineData("--new-tokens takes a whole number from 1", "--new-tokens", "0")]
    public Task WhatContradictsItselfIsRefusedByName(string words, params string[] arguments) => RefusesUsage(words, ["compare", .. arguments]);

    [Fact]
    public async Task AConfigurationWithAnotherKeyIsRefusedByName()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], "{\"vocab_size\": 10, \"n_embd\": 4}");
        await Fails("n_embd", "compare", "--config", folder["config.json"], "--prompt-ids", "1");
    }

    [Fact]
    public void MediansOfFirstAndLastTokensExcludeTheFirstToken()
    {
        var times = Enumerable.Range(0, 101).Select(i => TimeSpan.FromMilliseconds(i == 0 ? 1000 : i)).ToList();
        var result = new VariantResult("static", new int[105], times, 0);
        Assert.Equal(1000, result.FirstTokenMs);
        Assert.Equal(10.5, result.EarlyMsPerToken);
        Assert.Equal(90.5, result.LateMsPerToken);
        Assert.Equal(101 / times.Sum(time => time.TotalSeconds), result.TokensPerSecond);
        Assert.Equal(5, result.Curve()[0].Position);
        Assert.Equal(100, result.Curve().Count);
    }
}
