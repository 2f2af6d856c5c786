using System.Text.Json;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

public class GenerateCommandTests
{
    private static readonly string s_storyteller = RepositoryFiles.Weights("storyteller");
    private static readonly string s_small = RepositoryFiles.Fixture("hf", "gelu-new");

    public static TheoryData<string> Caches { get; } = ["none", "concat", "static", "quantized"];

    [Fact]
    public async Task JsonHasExactlyTheKeysThatScriptsRead()
    {
        var json = (await Of(
            "generate",
            "--model",
            s_storyteller,
            "--prompt",
            "Once upon a time",
            "--max-new-tokens",
            "5",
            "--json")).Json;
        Assert.Equal(["prompt_ids", "ids", "text", "finish_reason", "usage", "timings", "cache"], Keys(json));
        Assert.Equal(["prompt_tokens", "completion_tokens"], Keys(json.GetProperty("usage")));
        Assert.Equal(
            ["load_ms", "prefill_ms", "decode_ms", "decode_tokens_per_second"], Keys(json.GetProperty("timings")));
        Assert.Equal(["kind", "tokens", "capacity", "bytes"], Keys(json.GetProperty("cache")));
    }

    [Theory]
    [MemberData(nameof(Caches))]
    public async Task EveryCacheGivesTheGoldenStory(string cache)
    {
        var golden = Storyteller.Golden.GetProperty("prompts")[0];
        var json = (await Of(
            "generate",
            "--model",
            s_storyteller,
            "--prompt",
            golden.GetProperty("prompt").GetString()!,
            "--max-new-tokens",
            "30",
            "--cache",
            cache,
            "--json")).Json;
        Assert.Equal(Ids(golden.GetProperty("prompt_ids")), Ids(json.GetProperty("prompt_ids")));
        Assert.Equal(Ids(golden.GetProperty("greedy_ids"))[..30], Ids(json.GetProperty("ids")));
        Assert.StartsWith(json.GetProperty("text").GetString()!, golden.GetProperty("greedy_text").GetString()!);
        Assert.Equal("length", json.GetProperty("finish_reason").GetString());
        Assert.Equal(30, json.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
        Assert.Equal(cache, json.GetProperty("cache").GetProperty("kind").GetString());
    }

    [Fact]
    public async Task TheRunnersGiveTheSameStory()
    {
        var torch = await Of(
            "generate",
            "--model",
            s_storyteller,
            "--prompt",
            "One day, a bird",
            "--max-new-tokens",
            "40",
            "--runner",
            "torch");
        var cpu = await Of(
            "generate",
            "--model",
            s_storyteller,
            "--prompt",
            "One day, a bird",
            "--max-new-tokens",
            "40",
            "--runner",
            "cpu");
        Assert.Equal(torch, cpu);
        Assert.NotEqual("\n", cpu.Out);
    }

    [Fact]
    public async Task InAPipeOnlyTheNewTextIsWritten()
    {
        var golden = Storyteller.Golden.GetProperty("prompts")[0];
        var run = await WithInput(
            golden.GetProperty("prompt").GetString()!,
            "generate",
            "--model",
            s_storyteller,
            "-",
            "--max-new-tokens",
            "100",
            "--eos-token-id",
            "none");
        Assert.Equal((0, golden.GetProperty("greedy_text").GetString() + "\n", ""), (run.ExitCode, run.Out, run.Error));
    }

    [Fact]
    public async Task WithoutATokenizerIdsGoInAndIdsComeOut()
    {
        var golden = HuggingFaceCase.Load("gelu-new").Golden;
        var prompt = Ids(golden.GetProperty("prompt_ids")[0]);
        var run = await Of(
            "generate",
            "--model",
            s_small,
            "--prompt-ids",
            string.Join(',', prompt),
            "--max-new-tokens",
            "24",
            "--eos-token-id",
            "none");
        var expected = Ids(golden.GetProperty("greedy").GetProperty("sequences")[0])[prompt.Length..];
        Assert.Equal((0, string.Join(' ', expected) + "\n", ""), (run.ExitCode, run.Out, run.Error));
    }

    [Fact]
    public async Task AnEndOfTextIdStopsTheTextUnseen()
    {
        var golden = HuggingFaceCase.Load("gelu-new").Golden;
        var prompt = Ids(golden.GetProperty("prompt_ids")[0]);
        var eos = golden.GetProperty("greedy_eos").GetProperty("eos_token_id").GetInt32();
        var json = (await Of(
            "generate",
            "--model",
            s_small,
            "--prompt-ids",
            string.Join(',', prompt),
            "--max-new-tokens",
            "24",
            "--eos-token-id",
            $"{eos}",
            "--json")).Json;
        Assert.Equal(
            Ids(golden.GetProperty("greedy_eos").GetProperty("sequences")[0])[prompt.Length..^1],
            Ids(json.GetProperty("ids")));
        Assert.Equal("stop", json.GetProperty("finish_reason").GetString());
    }

    [Fact]
    public async Task AStopTextEndsTheTextBeforeIt()
    {
        var json = (await Of(
            "generate",
            "--model",
            s_storyteller,
            "--prompt",
            "Once upon a time, there was a little",
            "--stop",
            "named",
            "--stop",
            "never this",
            "--json")).Json;
        Assert.Equal(" girl ", json.GetProperty("text").GetString());
        Assert.Equal("stop", json.GetProperty("finish_reason").GetString());
    }

    [Theory]
    [InlineData("torch")]
    [InlineData("cpu")]
    public async Task UnequalPromptsAreAnsweredInOrderAsEachAlone(string runner)
    {
        using var folder = new TemporaryFolder();
        var file = folder["prompts.jsonl"];
        File.WriteAllText(
            file,
            "{\"prompt\": \"Once upon a time\"}\n\n{\"prompt_ids\": [414, 425]}\n{\"prompt\": \"The "
            + "little dog was very\"}\n");
        var batch = await Of(
            "generate",
            "--model",
            s_storyteller,
            "--prompts",
            file,
            "--max-new-tokens",
            "12",
            "--json",
            "--runner",
            runner);
        Assert.Equal((0, ""), (batch.ExitCode, batch.Error));
        var lines = batch.Out.TrimEnd('\n').Split('\n').Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.Equal(3, lines.Count);
        string[][] alone =
        [
            ["--prompt", "Once upon a time"], ["--prompt-ids", "414,425"], ["--prompt", "The little dog was very"],
        ];
        for (var i = 0; i < 3; i++)
        {
            var json = (await Of(

                [
                    "generate", "--model", s_storyteller, .. alone[i], "--max-new-tokens", "12", "--json", "--runner",
                    runner,
                ])).Json;
            Assert.Equal(Ids(json.GetProperty("prompt_ids")), Ids(lines[i].GetProperty("prompt_ids")));
            Assert.Equal(Ids(json.GetProperty("ids")), Ids(lines[i].GetProperty("ids")));
            Assert.Equal(json.GetProperty("text").GetString(), lines[i].GetProperty("text").GetString());
        }
    }

    [Fact]
    public async Task BeamsAreAnsweredBestFirstWithHuggingFacesScores()
    {
        var golden = HuggingFaceCase.Load("gelu-new").Golden;
        var prompt = Ids(golden.GetProperty("prompt_ids")[0]);
        var beam = golden.GetProperty("beam")[1];
        var json = (await Of(
            "generate", "--model", s_small, "--prompt-ids", string.Join(',', prompt), "--max-new-tokens", "12",
            "--eos-token-id", "186",
            "--num-beams", "3", "--length-penalty", "2.0", "--num-return-sequences", "3", "--json")).Json;
        Assert.Equal(
            ["prompt_ids", "ids", "text", "finish_reason", "usage", "timings", "cache", "sequences"], Keys(json));
        var sequences = json.GetProperty("sequences").EnumerateArray().ToList();
        Assert.Equal(3, sequences.Count);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(["ids", "text", "score"], Keys(sequences[i]));
            Assert.Equal(Ids(beam.GetProperty("sequences")[i])[prompt.Length..], Ids(sequences[i].GetProperty("ids")));
            Assert.Equal(
                beam.GetProperty("scores")[i].GetDouble(), sequences[i].GetProperty("score").GetDouble(), 1e-4);
        }

        Assert.Equal(Ids(sequences[0].GetProperty("ids")), Ids(json.GetProperty("ids")));
    }

    [Fact]
    public async Task TheSameSeedGivesTheSameStoryOnEitherRunner()
    {
        string[] line =
        [
            "generate", "--model", s_storyteller, "--prompt", "Once upon a time", "--max-new-tokens", "30",
            "--temperature", "0.8", "--top-p", "0.95", "--seed", "7",
        ];
        var first = await Of([.. line, "--runner", "torch"]);
        Assert.Equal(0, first.ExitCode);
        Assert.Equal(first.Out, (await Of([.. line, "--runner", "cpu"])).Out);
        Assert.NotEqual(first.Out, (await Of([.. line, "--seed", "8"])).Out);
    }

    [Fact]
    public async Task ShowingBlocksKeepsTheTextAndDescribesThePool()
    {
        string[] line =
        [
            "generate", "--model", s_storyteller, "--prompt", "Once upon a time", "--max-new-tokens", "40", "--runner",
            "cpu",
        ];
        var shown = await Of([.. line, "--show-blocks"]);
        Assert.Equal((await Of(line)).Out, shown.Out);
        Assert.Matches(@" \d+ held, \d+ cached, \d+ free\n$", shown.Error);
    }

    [Fact]
    public async Task TheTextStopsAtTheContextsEnd()
    {
        var prompt = string.Join(',', Enumerable.Range(0, 60));
        var json = (await Of(
            "generate",
            "--model",
            s_small,
            "--prompt-ids",
            prompt,
            "--max-new-tokens",
            "100",
            "--eos-token-id",
            "none",
            "--json")).Json;
        Assert.Equal(4, json.GetProperty("ids").GetArrayLength());
        Assert.Equal("length", json.GetProperty("finish_reason").GetString());
    }

    [Fact]
    public Task APromptPastTheContextIsRefusedWithBothLengths() =>
        Fails(
            "has 65 tokens, but the context holds 64",
            "generate",
            "--model",
            s_small,
            "--prompt-ids",
            string.Join(',', Enumerable.Range(0, 65)));

    [Fact]
    public Task AnIdPastTheVocabularyIsRefusedByName() =>
        Fails("token id 211", "generate", "--model", s_small, "--prompt-ids", "1,211");

    [Fact]
    public Task TextForAModelWithoutATokenizerIsRefused() =>
        Fails("no tokenizer", "generate", "--model", s_small, "--prompt", "a");

    [Fact]
    public Task AnEmptyPromptIsRefused() => Fails("is empty", "generate", "--model", s_storyteller, "--prompt", "");

    [Fact]
    public Task ABadLineOfPromptsIsNamedBeforeAnythingRuns()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["p.jsonl"], "{\"prompt\": \"a\"}\n{\"prompt\": \"a\", \"prompt_ids\": [1]}\n");
        return Fails(
            "line 2 has to be an object with either",
            "generate",
            "--model",
            s_storyteller,
            "--prompts",
            folder["p.jsonl"]);
    }

    [Fact]
    public async Task AskingForAbsentCudaSaysWhatIsMissing()
    {
        Assert.SkipWhen(TorchKv.Cli.Models.TorchFacts.CudaDevices() > 0, "There is a CUDA device here.");
        await Fails(
            "cuda was asked for, but this libtorch sees no CUDA device",
            "generate",
            "--model",
            s_storyteller,
            "--prompt",
            "a",
            "--device",
            "cuda");
    }

    [Theory]
    [InlineData("--max-new-tokens takes a whole number from 1", "--max-new-tokens", "0")]
    [InlineData("--max-new-tokens takes a whole number from 1", "--max-new-tokens", "1e3")]
    [InlineData("--temperature takes a number 0 or from 0.000001, not 'NaN'", "--temperature", "NaN")]
    [InlineData("--temperature takes a number", "--temperature", "-1")]
    [InlineData("--temperature takes a number", "--temperature", "Infinity")]
    [InlineData("--temperature takes a number", "--temperature", "0,8")]
    [InlineData("--top-p takes a number from 0 to 1, not '1.1'", "--top-p", "1.1")]
    [InlineData("--top-k takes a whole number from 0", "--top-k", "-1")]
    [InlineData("--min-p takes a number", "--min-p", "2")]
    [InlineData("--typical-p takes a number", "--typical-p", "0")]
    [InlineData("--repetition-penalty takes a number above 0", "--repetition-penalty", "0")]
    [InlineData("--seed takes a whole number", "--seed", "-1")]
    [InlineData("--eos-token-id takes a token id", "--eos-token-id", "eos")]
    [InlineData("--stop takes a text of at least one character", "--stop", "")]
    [InlineData("--cache takes one of none, concat, static, sliding-window, quantized", "--cache", "dynamic")]
    [InlineData("--window goes with", "--window", "4")]
    [InlineData("needs --window", "--cache", "sliding-window")]
    [InlineData("--greedy takes the best token", "--greedy", "--temperature", "0.8")]
    [InlineData("--length-penalty goes with --num-beams", "--length-penalty", "2")]
    [InlineData("needs --num-beams 3", "--num-return-sequences", "3", "--num-beams", "2")]
    [InlineData("beam search takes the best beams", "--num-beams", "2", "--temperature", "0.8")]
    [InlineData("--early-stopping takes one of true, false, never", "--num-beams", "2", "--early-stopping", "maybe")]
    [InlineData("--device takes auto, cpu, cuda or cuda:N", "--device", "gpu")]
    [InlineData("--device takes auto, cpu, cuda or cuda:N", "--device", "cuda:-1")]
    [InlineData("--dtype takes one of", "--dtype", "float64")]
    [InlineData("--cache static is served by --runner torch", "--cache", "static", "--runner", "cpu")]
    [InlineData("--runner cpu does not run on --device cuda", "--device", "cuda", "--runner", "cpu")]
    [InlineData("--dtype int8 is served by the CPU runner alone", "--dtype", "int8", "--runner", "torch")]
    [InlineData("--threads takes a whole number from 1 to 1024", "--threads", "0")]
    [InlineData("--show-blocks is served by the engine", "--show-blocks", "--cache", "static")]
    [InlineData("--num-beams is served by the engine", "--num-beams", "3", "--cache", "none")]
    [InlineData("--n is served by the engine", "--n", "2", "--temperature", "1", "--cache", "concat")]
    [InlineData("--logprobs is served by the engine", "--logprobs", "2", "--json", "--cache", "concat")]
    [InlineData("--priority is served by the engine", "--priority", "1", "--cache", "concat")]
    [InlineData("--deadline is served by the engine", "--deadline", "1", "--cache", "quantized")]
    [InlineData("--blocks is served by the engine", "--blocks", "9", "--cache", "static")]
    [InlineData("--memory is served by the engine", "--memory", "1GiB", "--cache", "static")]
    [InlineData("--blocks and --memory both size the pool", "--blocks", "9", "--memory", "1GiB")]
    [InlineData("--blocks takes a whole number from 1", "--blocks", "0")]
    [InlineData("--memory takes a size", "--memory", "much")]
    [InlineData("--logprobs goes with --json", "--logprobs", "2")]
    [InlineData("--logprobs takes a whole number from 0 to 100", "--json", "--logprobs", "101")]
    [InlineData("--logprobs is not served with --num-beams", "--json", "--logprobs", "1", "--num-beams", "2")]
    [InlineData("--n is not served with --num-beams", "--n", "2", "--num-beams", "2")]
    [InlineData("without sampling they would all be the same", "--n", "2")]
    [InlineData("--n takes a whole number from 1", "--n", "0")]
    [InlineData("--deadline takes a number above 0", "--deadline", "0")]
    [InlineData("--priority takes a whole number", "--priority", "high")]
    [InlineData("--dtype float16 is served by --runner torch", "--dtype", "float16", "--runner", "cpu")]
    [InlineData("exclude one another", "--prompt-ids", "1")]
    [InlineData("--prompts brings its own prompts", "--prompts", "x.jsonl")]
    public Task ContradictionsAndValuesOutOfRangeAreRefusedByName(string words, params string[] arguments) =>
        RefusesUsage(words, ["generate", "--prompt", "a", .. arguments]);

    [Fact]
    public Task WithoutAPromptTheFourWaysAreNamed() =>
        RefusesUsage("--prompt TEXT, --prompt-ids 1,2,3, --prompt-file FILE, or -", "generate");

    [Fact]
    public Task ABadPromptIdIsNamed() => RefusesUsage("'x' is not one", "generate", "--prompt-ids", "1,x,3");

    private static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];
}
