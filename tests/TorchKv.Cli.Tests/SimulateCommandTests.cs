using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

public class SimulateCommandTests
{
    [Fact]
    public async Task EveryPolicyGeneratesEveryTokenAlwaysWithTheSameAnswer()
    {
        string[] line = ["simulate", "--synthetic", "--requests", "200", "--rate", "1000", "--prompt-tokens", "5,60", "--new-tokens", "1,40", "--shared-prefix", "64", "--blocks", "200", "--json"];
        var first = (await Of(line)).Json;
        var policies = first.GetProperty("policies").EnumerateArray().ToList();
        Assert.Equal(["first come", "whole prompts", "shortest first", "no prefix cache"], policies.Select(policy => policy.GetProperty("policy").GetString()));
        Assert.All(policies, policy => Assert.Equal(200, policy.GetProperty("completed").GetInt32()));
        Assert.Single(policies.Select(policy => policy.GetProperty("generated_tokens").GetInt64()).Distinct());
        Assert.True(policies[0].GetProperty("prefix_hit_share").GetDouble() > 0.3);
        Assert.Equal(0, policies[3].GetProperty("prefix_hit_share").GetDouble());
        Assert.Equal(first.GetRawText(), (await Of(line)).Json.GetRawText());
    }

    [Fact]
    public async Task OneRequestTakesWhatTheCostModelSays()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["trace.jsonl"], "{\"arrival\": 2, \"prompt_tokens\": 10, \"new_tokens\": 3}\n");
        var json = (await Of("simulate", "--trace", folder["trace.jsonl"], "--step-ms", "5", "--token-us", "100", "--context-ns", "0", "--json")).Json;
        foreach (var policy in json.GetProperty("policies").EnumerateArray())
        {
            // A step with the prompt (5 ms + 10 · 0.1 ms), then two of one token each.
            Assert.Equal(0.006, policy.GetProperty("first_token_p50").GetDouble(), 1e-6);
            Assert.Equal(0.0051, policy.GetProperty("inter_token_p50").GetDouble(), 1e-6);
            Assert.Equal(2.0162, policy.GetProperty("seconds").GetDouble(), 1e-5);
        }
    }

    [Theory]
    [InlineData("is no request", "nonsense")]
    [InlineData("is no request", "{\"arrival\": 0}")]
    [InlineData("arrival is -1, but must be a number of seconds from 0", "{\"arrival\": -1, \"prompt_tokens\": 1, \"new_tokens\": 1}")]
    [InlineData("has no request", "")]
    public async Task ABadTraceIsRefusedByItsLine(string words, string trace)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["trace.jsonl"], trace);
        await Fails(words, "simulate", "--trace", folder["trace.jsonl"]);
    }

    [Theory]
    [InlineData("line 3 is no request: new_tokens is missing", "{\"arrival\": 0, \"prompt_tokens\": 1, \"new_tokens\": 1}\n\n{\"arrival\": 0, \"prompt_tokens\": 1}")]
    public async Task TheLineIsTheFilesOwnWithEmptyOnesCounted(string words, string trace)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["trace.jsonl"], trace);
        await Fails(words, "simulate", "--trace", folder["trace.jsonl"]);
    }

    [Fact]
    public async Task BudgetsAndChunksAreComparedInOneTable()
    {
        string[] line = ["simulate", "--synthetic", "--requests", "120", "--rate", "400", "--prompt-tokens", "200,400", "--max-tokens-per-step", "256,1024", "--chunk", "32,512"];
        var rows = (await Of([.. line, "--json"])).Json.GetProperty("policies").EnumerateArray().ToList();
        Assert.Equal(
            [("first come", 256, 32), ("first come", 256, 256), ("first come", 1024, 32), ("first come", 1024, 512)],
            rows.Select(row => (row.GetProperty("policy").GetString(), row.GetProperty("max_tokens_per_step").GetInt32(), row.GetProperty("chunk").GetInt32())));
        Assert.True(rows[2].GetProperty("inter_token_p99").GetDouble() < rows[3].GetProperty("inter_token_p99").GetDouble());
        Assert.All(rows, row => Assert.Equal(120, row.GetProperty("completed").GetInt32()));
        var table = await Of(line);
        Assert.Contains("budget", table.Out);
        Assert.Contains("chunk", table.Out);
        Assert.All(table.Out.Split('\n'), text => Assert.True(text.Length <= 80, text));
    }

    [Fact]
    public async Task ALimitedQueueRefusesRequestsWhileFull()
    {
        var row = (await Of("simulate", "--synthetic", "--requests", "100", "--rate", "100000", "--max-running", "4", "--max-queued", "10", "--policy", "shortest-first", "--json")).Json.GetProperty("policies")[0];
        Assert.Equal("shortest first", row.GetProperty("policy").GetString());
        Assert.Equal(100, row.GetProperty("completed").GetInt32() + row.GetProperty("refused").GetInt32());
        Assert.InRange(row.GetProperty("refused").GetInt32(), 50, 90);
    }

    [Theory]
    [InlineData("--policy 'fastest' is none of first-come", "--policy", "fastest")]
    [InlineData("--policy takes names", "--policy", ",")]
    [InlineData("at most 32 rows", "--chunk", "1,2,3,4,5,6,7", "--max-tokens-per-step", "10,20,30,40,50")]
    [InlineData("--max-tokens-per-step and --chunk are at most", "--chunk", "2000000")]
    [InlineData("time would not pass", "--step-ms", "0", "--token-us", "0")]
    public Task APolicyOrMachineThatCannotBeIsRefused(string words, params string[] options) =>
        RefusesUsage(words, ["simulate", "--synthetic", .. options]);

    [Fact]
    public async Task AnOptionOfTheOtherWorkloadIsRefusedNotIgnored()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["trace.jsonl"], "{\"arrival\": 0, \"prompt_tokens\": 1, \"new_tokens\": 1}\n");
        await RefusesUsage("--rate goes with --synthetic", "simulate", "--trace", folder["trace.jsonl"], "--rate", "5");
    }

    [Fact]
    public Task ARequestLargerThanThePoolIsRefusedBeforehand() =>
        Fails("hold 160", "simulate", "--synthetic", "--blocks", "10", "--prompt-tokens", "200");

    [Fact]
    public Task AWorkloadIsATraceOrMadeUp() => RefusesUsage("--trace FILE or --synthetic", "simulate");

    [Fact]
    public async Task ThePlotHasALineForEachPolicy()
    {
        using var folder = new TemporaryFolder();
        var run = await Of("simulate", "--synthetic", "--requests", "50", "--plot", folder["waiting.svg"]);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.All(run.Out.Split('\n'), line => Assert.True(line.Length <= 80, line));
        Assert.Equal(4, System.Xml.Linq.XDocument.Load(folder["waiting.svg"]).Descendants().Count(element => element.Name.LocalName == "path"));
    }
}
