using System.Text.Json;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

/// <summary>
/// What the engine serves from the command line, on either runner: samples, log-probabilities, deadlines, the pool.
/// </summary>
public class GenerateOptionsTests
{
    private static readonly string s_small = RepositoryFiles.Fixture("hf", "gelu-new");
    private static readonly string s_forty = string.Join(',', Enumerable.Range(0, 40));

    public static TheoryData<string> Runners { get; } = ["cpu", "torch"];

    [Theory]
    [InlineData("cpu", 3 * ((4 * 12 * 16 * 4) + (4 * 16 * 16 * 4)))]
    [InlineData("torch", 2 * 3 * 48 * 16 * 4)]
    public async Task TheCacheIsWhatThePoolHeld(string runner, int blockBytes)
    {
        var cache = (await Json(runner, "--prompt-ids", "1,2,3,4", "--max-new-tokens", "6")).GetProperty("cache");
        Assert.Equal("paged", cache.GetProperty("kind").GetString());
        Assert.Equal((16, 8 * 64, blockBytes), Facts(cache));

        // 40 + 9 tokens are four blocks; four beams share the two full ones of the prompt
        var beams = (await Json(
            runner, "--prompt-ids", s_forty, "--max-new-tokens", "9", "--num-beams", "4")).GetProperty("cache");
        Assert.InRange(Facts(beams).Tokens, 3 * 16, (2 + (4 * 2)) * 16);
        Assert.Equal(Facts(beams).Tokens / 16 * blockBytes, Facts(beams).Bytes);
    }

    [Theory]
    [MemberData(nameof(Runners))]
    public async Task PromptsThatShareABeginningShareItsBlocks(string runner)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder["p.jsonl"], Enumerable.Repeat($"{{\"prompt_ids\": [{s_forty}]}}", 4));
        string[] line =
        [
            "generate", "--model", s_small, "--max-new-tokens", "5", "--eos-token-id", "none", "--json", "--runner",
            runner,
        ];
        var alone = Facts((await Of([.. line, "--prompt-ids", s_forty])).Json.GetProperty("cache"));
        var batch = await Of([.. line, "--prompts", folder["p.jsonl"]]);
        var together = Facts(JsonDocument.Parse(batch.Out.Split('\n')[3]).RootElement.GetProperty("cache"));
        Assert.InRange(together.Bytes, alone.Bytes, (4 * alone.Bytes) - 1);
    }

    [Theory]
    [MemberData(nameof(Runners))]
    public async Task SamplesComeInOrderTheFirstDrawnAsAlone(string runner)
    {
        string[] sampling =
        [
            "--prompt-ids", "1,2,3", "--max-new-tokens", "8", "--eos-token-id", "none", "--temperature", "1", "--seed",
            "5",
        ];
        var alone = await Json(runner, sampling);
        var three = await Json(runner, [.. sampling, "--n", "3"]);
        Assert.Equal(
            ["prompt_ids", "ids", "text", "finish_reason", "usage", "timings", "cache", "sequences"], Keys(three));
        var samples = three.GetProperty("sequences").EnumerateArray().ToArray();
        Assert.All(samples, sample => Assert.Equal(["ids", "text", "finish_reason"], Keys(sample)));
        Assert.Equal(3, samples.Select(sample => sample.GetProperty("ids").GetRawText()).Distinct().Count());
        Assert.Equal(alone.GetProperty("ids").GetRawText(), samples[0].GetProperty("ids").GetRawText());
        Assert.Equal(alone.GetProperty("ids").GetRawText(), three.GetProperty("ids").GetRawText());
        Assert.Equal(24, three.GetProperty("usage").GetProperty("completion_tokens").GetInt32());

        var shown = await Of(["generate", "--model", s_small, "--runner", runner, .. sampling, "--n", "2"]);
        Assert.Matches(@"^==> sample 1 <==\n(\d+ ?)+\n\n==> sample 2 <==\n(\d+ ?)+\n$", shown.Out);
    }

    [Theory]
    [MemberData(nameof(Runners))]
    public async Task LogProbabilitiesAreThoseOfTheTokens(string runner)
    {
        var json = await Json(
            runner, "--prompt-ids", "1,2,3", "--max-new-tokens", "4", "--eos-token-id", "none", "--logprobs", "2");
        Assert.Equal(
            ["prompt_ids", "ids", "text", "finish_reason", "usage", "timings", "cache", "logprobs"], Keys(json));
        var tokens = json.GetProperty("logprobs").EnumerateArray().ToArray();
        Assert.Equal(
            json.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()),
            tokens.Select(token => token.GetProperty("id").GetInt32()));
        foreach (var token in tokens)
        {
            // Greedy: the token is the best one
            Assert.Equal(["id", "logprob", "top"], Keys(token));
            Assert.Equal(2, token.GetProperty("top").GetArrayLength());
            Assert.Equal(
                token.GetProperty("logprob").GetSingle(),
                token.GetProperty("top")[0].GetProperty("logprob").GetSingle());
            Assert.True(token.GetProperty("logprob").GetSingle() < 0);
        }
    }

    [Theory]
    [MemberData(nameof(Runners))]
    public async Task ADeadlineThatPassesIsAFailureThatNamesIt(string runner)
    {
        string[] line =
        [
            "generate", "--model", s_small, "--prompt-ids", "1,2,3", "--max-new-tokens", "60", "--eos-token-id", "none",
            "--json", "--runner", runner,
        ];
        await Fails("was not done after", [.. line, "--deadline", "0.000001"]);
        Assert.Equal(
            60,
            (await Of([.. line, "--deadline", "600", "--priority", "-3"])).Json.GetProperty("ids").GetArrayLength());
    }

    [Theory]
    [InlineData("true")]
    [InlineData("false")]
    [InlineData("never")]
    public async Task BeamsStopAsTheyAreTold(string early)
    {
        string[] beams =
        [
            "--prompt-ids", "118,182,181", "--max-new-tokens", "12", "--eos-token-id", "186", "--num-beams", "3",
            "--early-stopping", early,
        ];
        var cpu = await Json("cpu", beams);
        var torch = await Json("torch", beams);
        Assert.Equal(cpu.GetProperty("ids").GetRawText(), torch.GetProperty("ids").GetRawText());
    }

    [Theory]
    [MemberData(nameof(Runners))]
    public async Task TheRefusalOfASmallPoolNamesTheOption(string runner)
    {
        string[] line =
        [
            "generate", "--model", s_small, "--prompt-ids", s_forty, "--max-new-tokens", "24", "--json", "--runner",
            runner,
        ];
        await Fails("take --blocks 4 or a larger --memory", [.. line, "--blocks", "3"]);
        await Fails("--memory is 100, but must be at least", [.. line, "--memory", "100"]);
        Assert.Equal(
            (4 * 16),
            (await Of([.. line, "--blocks", "4"])).Json.GetProperty("cache").GetProperty("capacity").GetInt32());
        var cache = (await Of([.. line, "--memory", "1MiB"])).Json.GetProperty("cache");
        var bytesPerToken = cache.GetProperty("bytes").GetInt64() / cache.GetProperty("tokens").GetInt64();
        Assert.InRange(cache.GetProperty("capacity").GetInt64() * bytesPerToken, 1 << 19, 1 << 20);
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("torch")]
    public async Task AnImpossiblePromptsBatchIsRefusedBeforeAnyAnswer(string runner)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder["p.jsonl"], ["{\"prompt_ids\": [1]}", $"{{\"prompt_ids\": [{s_forty}]}}"]);
        await Fails(
            "take --blocks 4",
            "generate", "--model", s_small, "--prompts", folder["p.jsonl"], "--max-new-tokens", "24", "--blocks", "3",
            "--runner", runner);
    }

    [Theory]
    [MemberData(nameof(Runners))]
    public async Task APromptOfTheContextsLengthEndsAtOnce(string runner)
    {
        var json = await Json(
            runner, "--prompt-ids", string.Join(',', Enumerable.Range(0, 64)), "--max-new-tokens", "5");
        Assert.Equal(
            (0, "length"), (json.GetProperty("ids").GetArrayLength(), json.GetProperty("finish_reason").GetString()));
    }

    [Fact]
    public async Task HalfPrecisionRunsOnTheCpuThroughLibtorch()
    {
        string[] line =
        [
            "generate", "--model", RepositoryFiles.Weights("storyteller"), "--prompt", "Once upon a time",
            "--max-new-tokens", "10", "--json", "--device", "cpu",
        ];
        var half = (await Of([.. line, "--dtype", "float16"])).Json;
        Assert.Equal(
            (await Of([.. line, "--dtype", "float32"])).Json.GetProperty("ids").GetRawText(),
            half.GetProperty("ids").GetRawText());
    }

    [Theory]
    [MemberData(nameof(Runners))]
    public async Task BlocksAreShownForEitherRunnerAndForBeams(string runner)
    {
        string[] line =
        [
            "generate", "--model", s_small, "--prompt-ids", "1,2,3", "--max-new-tokens", "6", "--runner", runner,
        ];
        string[][] kinds = [[], ["--num-beams", "3"], ["--n", "2", "--temperature", "1", "--seed", "1"]];
        foreach (var more in kinds)
        {
            var shown = await Of([.. line, .. more, "--show-blocks"]);
            Assert.Equal((await Of([.. line, .. more])).Out, shown.Out);
            Assert.Matches(@" \d+ held, \d+ cached, \d+ free\n$", shown.Error);
        }
    }

    private static async Task<JsonElement> Json(string runner, params string[] arguments) =>
        (await Of(["generate", "--model", s_small, "--runner", runner, "--json", .. arguments])).Json;

    private static (long Tokens, long Capacity, long Bytes) Facts(JsonElement cache) =>
        (
            cache.GetProperty("tokens").GetInt64(),
            cache.GetProperty("capacity").GetInt64(),
            cache.GetProperty("bytes").GetInt64());
}
