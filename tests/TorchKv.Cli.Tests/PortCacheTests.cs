using System.Text.Json;
using TorchKv.Cli.Models;
using TorchKv.Runtime.Contracts;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

/// <summary><c>generate --cache</c>: the port's own loop.</summary>
public class PortCacheTests
{
    private static readonly string s_storyteller = RepositoryFiles.Weights("storyteller");
    private static readonly string s_small = RepositoryFiles.Fixture("hf", "gelu-new");

    // Exact ones; int8 rounds
    public static TheoryData<string> Caches { get; } = ["none", "concat", "static", "sliding-window"];

    [Theory]
    [MemberData(nameof(Caches))]
    public async Task BatchRowsEndSeparatelyWithWhatTheEngineGivesThem(string cache)
    {
        using var folder = new TemporaryFolder();
        var random = new Random(5);
        var prompts = Enumerable.Range(0, 6).Select(
            _ => Enumerable.Range(0, random.Next(1, 21)).Select(_ => random.Next(211)).ToArray());
        int[] full = [.. Enumerable.Range(0, 64)];
        File.WriteAllLines(
            folder["p.jsonl"],
            prompts.Append(full).Append(full[..62]).Select(ids => $"{{\"prompt_ids\": [{string.Join(',', ids)}]}}"));
        string[] line =
        [
            "generate", "--model", s_small, "--prompts", folder["p.jsonl"], "--max-new-tokens", "20", "--eos-token-id",
            "138,76,37", "--json",
        ];
        var expected = Answers(await Of([.. line, "--runner", "torch"]));
        var answers = Answers(await Of([.. line, .. Cache(cache)]));
        Assert.Equal(expected, answers);
        Assert.Contains(answers, answer => answer.Reason == "stop");
        Assert.Equal(("length", 0), (answers[6].Reason, answers[6].CompletionTokens));
        Assert.InRange(answers[7].CompletionTokens, 0, 2);
    }

    [Theory]
    [MemberData(nameof(Caches))]
    public async Task SamplingDrawsWhatTheEngineDraws(string cache)
    {
        string[] line =
        [
            "generate", "--model", s_storyteller, "--prompt", "Once upon a time", "--max-new-tokens", "20",
            "--temperature", "0.8", "--top-p", "0.9", "--repetition-penalty", "1.1", "--seed", "7",
        ];
        Assert.Equal((await Of([.. line, "--runner", "torch"])).Out, (await Of([.. line, .. Cache(cache)])).Out);
    }

    [Fact]
    public async Task AStopTextAcrossTokensEndsTheTextBeforeIt()
    {
        string[] line =
        [
            "generate", "--model", s_storyteller, "--prompt", "Once upon a time", "--max-new-tokens", "40",
            "--eos-token-id", "none", "--json", "--cache", "static",
        ];
        var whole = (await Of(line)).Json.GetProperty("text").GetString()!;
        var stop = whole.Substring(30, 9);
        var stopped = (await Of([.. line, "--stop", stop])).Json;
        Assert.Equal(whole[..whole.IndexOf(stop, StringComparison.Ordinal)], stopped.GetProperty("text").GetString());
        Assert.Equal("stop", stopped.GetProperty("finish_reason").GetString());
    }

    [Fact]
    public async Task TheModelsEndOfTextEndsATextUnseen()
    {
        var json = (await Of(
            "generate", "--model", s_storyteller, "--prompt", "The end. They lived happily ever after.",
            "--max-new-tokens", "400",
            "--temperature", "0.5", "--seed", "3", "--json", "--cache", "static")).Json;
        Assert.Equal("stop", json.GetProperty("finish_reason").GetString());
        Assert.DoesNotContain("<|endoftext|>", json.GetProperty("text").GetString());
    }

    [Fact]
    public async Task TheCachesSizeIsThatOfItsBuffers()
    {
        string[] line =
        [
            "generate", "--model", s_small, "--prompt-ids", "1,2,3,4", "--max-new-tokens", "6", "--eos-token-id",
            "none", "--json", "--cache",
        ];
        var cache = (await Of([.. line, "static"])).Json.GetProperty("cache");

        // The last token is never fed: nothing comes after it. 3 layers, 48 wide, keys and values, float32.
        Assert.Equal("static", cache.GetProperty("kind").GetString());
        Assert.Equal(
            (9, 10, 10 * 3 * 48 * 2 * 4),
            (
                cache.GetProperty("tokens").GetInt32(),
                cache.GetProperty("capacity").GetInt32(),
                cache.GetProperty("bytes").GetInt32()));
        var none = (await Of([.. line, "none"])).Json.GetProperty("cache");
        Assert.Equal(
            (0, 0, 0),
            (
                none.GetProperty("tokens").GetInt32(),
                none.GetProperty("capacity").GetInt32(),
                none.GetProperty("bytes").GetInt32()));
    }

    [Fact]
    public async Task AWindowPastTheContextTakesTheContextsMemory()
    {
        var json = (await Of(
            "generate",
            "--model",
            s_small,
            "--prompt-ids",
            "1,2",
            "--max-new-tokens",
            "3",
            "--json",
            "--cache",
            "sliding-window",
            "--window",
            "16000000")).Json;
        Assert.InRange(json.GetProperty("cache").GetProperty("capacity").GetInt32(), 64, 128);
    }

    [Fact]
    public async Task WithoutATokenizerIdsComeOut()
    {
        var run = await Of(
            "generate",
            "--model",
            s_small,
            "--prompt-ids",
            "1,2",
            "--max-new-tokens",
            "3",
            "--eos-token-id",
            "none",
            "--cache",
            "concat");
        Assert.Matches(@"^\d+ \d+ \d+\n$", run.Out);
        await Fails(
            "--stop compares texts",
            "generate",
            "--model",
            s_small,
            "--prompt-ids",
            "1,2",
            "--stop",
            "x",
            "--cache",
            "concat");
    }

    public static TheoryData<string, GenerationOptions> EnginesOptions => new()
    {
        { "num_beams", new() { Beams = new BeamSearchOptions() } },
        { "n", new() { Samples = 2 } },
        { "logprobs", new() { LogProbs = 1 } },
        { "prompt_logprobs", new() { PromptLogProbs = true } },
        { "deadline", new() { Deadline = TimeSpan.FromSeconds(1) } },
        { "priority", new() { Priority = 1 } },
        { "cache_salt", new() { CacheSalt = "a" } },
        { "speculation", new() { Speculation = new SpeculationOptions() } },
        { "top_p", new() { TopP = 2 } },
    };

    [Theory]
    [MemberData(nameof(EnginesOptions))]
    public void WhatOnlyAnEngineServesIsRefusedByName(string name, GenerationOptions options) =>
        Assert.Equal(name, Assert.Throws<OptionException>(() => PortGeneration.Check(options)).Option);

    private static string[] Cache(string kind) =>
        ["--cache", kind, .. kind == "sliding-window" ? ["--window", "512"] : (string[])[]];

    private static (string Ids, string Reason, int CompletionTokens)[] Answers(CommandLineRun run)
    {
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        return
        [
            .. run.Out.TrimEnd('\n').Split('\n').Select(line => JsonDocument.Parse(line).RootElement).Select(json => (
                json.GetProperty("ids").GetRawText(),
                json.GetProperty("finish_reason").GetString()!,
                json.GetProperty("usage").GetProperty("completion_tokens").GetInt32())),
        ];
    }
}
