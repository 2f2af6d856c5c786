using System.Xml.Linq;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

public class SimulateReplicasTests
{
    private static readonly string[] s_line = ["simulate", "--replicas", "4", "--requests", "400"];

    [Fact]
    public async Task EveryPolicyServesAllRequestsAndSeedsRepeat()
    {
        var first = (await Of([.. s_line, "--json"])).Json;
        var rows = first.GetProperty("clusters").EnumerateArray().ToList();
        Assert.Equal(
            ["prefix", "session hash", "head hash", "two choices", "round robin"],
            rows.Select(row => row.GetProperty("routing").GetString()));
        Assert.All(rows, row => Assert.Equal(400, row.GetProperty("completed").GetInt32()));
        Assert.All(rows, row => Assert.Equal("scheduler", row.GetProperty("replica_model").GetString()));
        Assert.True(
            rows[0].GetProperty("prefix_hit_share").GetDouble() > rows[4].GetProperty("prefix_hit_share").GetDouble());
        Assert.Equal(first.GetRawText(), (await Of([.. s_line, "--json"])).Json.GetRawText());
    }

    [Fact]
    public async Task RoutersAndProbesAreComparedInOneTable()
    {
        string[] line = [.. s_line, "--routing", "prefix", "--routers", "1,4", "--scatter", "--probe-ms", "0,250"];
        var rows = (await Of([.. line, "--json"])).Json.GetProperty("clusters").EnumerateArray().ToList();
        Assert.Equal(
            [(1, 0), (1, 250), (4, 0), (4, 250)],
            rows.Select(row => (row.GetProperty("routers").GetInt32(), row.GetProperty("probe_ms").GetInt32())));
        var table = await Of(line);
        Assert.Contains("routers", table.Out);
        Assert.Contains("probe", table.Out);
        Assert.All(table.Out.Split('\n'), text => Assert.True(text.Length <= 80, text));
    }

    [Fact]
    public async Task WhatHappensToReplicasIsShown()
    {
        string[] line =
        [
            .. s_line, "--routing", "prefix,round-robin", "--replica-model", "flow", "--rack-loss", "10,50", "--slow",
            "25,2", "--join", "5,25", "--flash-crowd", "8,5,2", "--replace-every", "20", "--restart", "2",
        ];
        var rows = (await Of([.. line, "--json"])).Json.GetProperty("clusters").EnumerateArray().ToList();
        Assert.All(rows, row => Assert.Equal(400, row.GetProperty("completed").GetInt32()));
        Assert.All(rows, row => Assert.True(row.GetProperty("resumed").GetInt32() > 0));
        Assert.All(rows, row => Assert.Equal("flow", row.GetProperty("replica_model").GetString()));
        var table = await Of(line);
        Assert.Contains("gap", table.Out);
        Assert.All(table.Out.Split('\n'), text => Assert.True(text.Length <= 80, text));
    }

    [Fact]
    public async Task ThePlotHasALineForEachRow()
    {
        using var folder = new TemporaryFolder();
        var run = await Of([.. s_line, "--plot", folder["first.svg"]]);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(
            5,
            XDocument.Load(folder["first.svg"]).Descendants().Count(element => element.Name.LocalName == "path"));
    }

    [Theory]
    [InlineData("--trace does not go with --replicas", "--trace", "a.jsonl")]
    [InlineData("--draw does not go with --replicas", "--draw", "a.svg")]
    [InlineData("--routing 'fastest' is none of prefix", "--routing", "fastest")]
    [InlineData("--routing takes names", "--routing", ",")]
    [InlineData("at most 32 rows", "--routers", "1,2,3,4,5,6,7")]
    [InlineData("--turns takes A,B", "--turns", "5,2")]
    [InlineData("--rack-loss takes 2 numbers", "--rack-loss", "10")]
    [InlineData("--slow takes 2 numbers", "--slow", "10,-1")]
    [InlineData("one number each", "--chunk", "10,20")]
    [InlineData("time would not pass", "--step-ms", "0", "--token-us", "0")]
    public Task WhatCannotBeIsRefused(string words, params string[] options) => RefusesUsage(words, [.. s_line, .. options]);

    [Theory]
    [InlineData("rack_loss", "--rack-loss", "10,100")]
    [InlineData("longest conversation", "--blocks", "10")]
    [InlineData("routers", "--routers", "5000", "--routing", "prefix")]
    public Task ALimitIsNamed(string words, params string[] options) => Fails(words, [.. s_line, .. options]);

    [Fact]
    public Task AnOptionOfReplicasAloneIsRefused() =>
        RefusesUsage("--routers goes with --replicas", "simulate", "--synthetic", "--routers", "2");
}
