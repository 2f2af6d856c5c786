using System.Text.Json;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

/// <summary>Flags that name tokens, stops and their reasons, and scoring, on either runner.</summary>
public class TokenOptionsTests
{
    private static readonly string s_small = RepositoryFiles.Fixture("hf", "gelu-new");
    private static readonly string s_storyteller = RepositoryFiles.Weights("storyteller");

    public static TheoryData<string> Runners { get; } = ["cpu", "torch"];

    [Theory]
    [MemberData(nameof(Runners))]
    public async Task BiasesAndAllowedIdsDecideTheTokens(string runner)
    {
        string[] line = ["--prompt-ids", "1,2,3", "--max-new-tokens", "4", "--eos-token-id", "none"];
        var biased = await Json(runner, [.. line, "--logit-bias", "7=100", "--logit-bias", "9=90"]);
        Assert.Equal([7, 7, 7, 7], Ids(biased));
        foreach (var penalty in new[] { "--frequency-penalty", "--presence-penalty" })
        {
            string[] near = [.. line, "--logit-bias", "7=100", "--logit-bias", "9=98.5"];
            var plain = await Json(runner, near);
            Assert.Equal([7, 7, 7, 7], Ids(plain));
            var punished = await Json(runner, [.. near, penalty, "2"]);
            Assert.Equal([7, 9], Ids(punished).Distinct());
        }

        var allowed = await Json(runner, [.. line, "--allowed-ids", "4"]);
        Assert.Equal([4, 4, 4, 4], Ids(allowed));
    }

    [Theory]
    [MemberData(nameof(Runners))]
    public async Task StopsEndTheTextAndAreNamed(string runner)
    {
        string[] line = ["--prompt-ids", "1,2,3", "--max-new-tokens", "6", "--logit-bias", "7=100"];
        var stopped = await Json(runner, [.. line, "--stop-ids", "7"]);
        Assert.Equal(("stop", 7), (stopped.GetProperty("finish_reason").GetString(), stopped.GetProperty("stop_reason").GetInt32()));
        Assert.Empty(Ids(stopped));
        var included = await Json(runner, [.. line, "--stop-ids", "7", "--include-stop"]);
        Assert.Equal([7], Ids(included));
        var later = Ids(await Json(runner, [.. line, "--stop-ids", "7", "--min-new-tokens", "3"]));
        Assert.Equal(3, later.Length);
        Assert.DoesNotContain(7, later);
        var ended = await Json(runner, [.. line, "--eos-token-id", "7"]);
        Assert.False(ended.TryGetProperty("stop_reason", out _));
    }

    [Theory]
    [MemberData(nameof(Runners))]
    public async Task APromptIsScoredWithoutAnAnswer(string runner)
    {
        var json = await Json(
            runner, "--prompt-ids", "1,2,3,4", "--logprobs", "2", "--score");
        var scores = json.GetProperty("prompt_logprobs").EnumerateArray().ToArray();
        Assert.Equal(JsonValueKind.Null, scores[0].ValueKind);
        scores = scores[1..];
        Assert.Equal([2, 3, 4], scores.Select(score => score.GetProperty("id").GetInt32()));
        Assert.All(scores, score => Assert.Equal(2, score.GetProperty("top").GetArrayLength()));
        Assert.All(scores, score => Assert.True(score.GetProperty("logprob").GetDouble() < 0));
        Assert.Equal(("length", 0), (json.GetProperty("finish_reason").GetString(), Ids(json).Length));

        var both = await Json(runner, "--prompt-ids", "1,2,3,4", "--max-new-tokens", "2", "--prompt-logprobs");
        Assert.Equal(4, both.GetProperty("prompt_logprobs").GetArrayLength());
        Assert.Equal(2, Ids(both).Length);
    }

    [Fact]
    public async Task TextsAreBannedIncludedAndEchoed()
    {
        string[] line = ["generate", "--model", s_storyteller, "--prompt", "Once upon", "--max-new-tokens", "8"];
        var plain = (await Of([.. line, "--stop", "time", "--include-stop", "--json"])).Json;
        Assert.Equal(
            (" a time", "time"), (plain.GetProperty("text").GetString(), plain.GetProperty("stop_reason").GetString()));
        var banned = (await Of([.. line, "--bad-words", "time", "--json"])).Json.GetProperty("text").GetString();
        Assert.DoesNotContain("time", banned);
        Assert.Equal("Once upon a\n", (await Of([.. line, "--stop", " time", "--echo"])).Out);
        var echoed = (await Of([.. line, "--stop", " time", "--echo", "--json"])).Json;
        Assert.Equal("Once upon a", echoed.GetProperty("text").GetString());
    }

    [Fact]
    public async Task AChatGoesOnFromWhatWasShownWhereAsked()
    {
        string[] line = ["chat", "--model", s_storyteller, "--max-new-tokens", "8", "--stop", " time", "--json"];
        var kept = await Turns([]);
        var dropped = await Turns(["--drop-stop-text"]);
        Assert.Equal(" time", kept[0].GetProperty("stop_reason").GetString());
        Assert.Equal(kept[0].GetProperty("text").GetString(), dropped[0].GetProperty("text").GetString());
        Assert.True(Prompt(kept[1]) > Prompt(dropped[1]), $"{Prompt(kept[1])} and {Prompt(dropped[1])} tokens");

        async Task<JsonElement[]> Turns(string[] more)
        {
            var run = await WithInput("Once upon\nand then\n", [.. line, .. more]);
            return [.. run.Out.TrimEnd('\n').Split('\n').Select(text => JsonDocument.Parse(text).RootElement)];
        }

        static int Prompt(JsonElement turn) => turn.GetProperty("usage").GetProperty("prompt_tokens").GetInt32();
    }

    [Theory]
    [InlineData("--logit-bias", "5")]
    [InlineData("--logit-bias", "-1=2")]
    [InlineData("--logit-bias", "5=NaN")]
    [InlineData("--frequency-penalty", "2.5")]
    [InlineData("--allowed-ids", "x")]
    [InlineData("--min-new-tokens", "65")]
    [InlineData("--bad-words", "")]
    public async Task AnImpossibleValueIsAUsageErrorNamingItsFlag(string flag, string value)
    {
        var run = await Of("generate", "--model", s_small, "--prompt-ids", "1", flag, value);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(flag, run.Error);
    }

    [Theory]
    [InlineData("min_new_tokens", "--min-new-tokens", "3")]
    [InlineData("stop_token_ids", "--stop-ids", "3")]
    public async Task ThePortsOwnLoopRefusesByName(string option, string flag, string value)
    {
        var run = await Of(
            "generate", "--model", s_small, "--prompt-ids", "1", "--cache", "static", "--runner", "torch", flag, value);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains(option, run.Error);
    }

    private static int[] Ids(JsonElement json) =>
        [.. json.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];

    private static async Task<JsonElement> Json(string runner, params string[] line) =>
        (await Of(["generate", "--model", s_small, "--json", "--runner", runner, .. line])).Json;
}
