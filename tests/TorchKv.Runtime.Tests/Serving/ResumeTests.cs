using System.Text;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.Runtime.Tests.Text;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>
/// A request that was cut off and continued in another engine gives what it would have given without the cut, piece by
/// piece.
/// </summary>
public class ResumeTests
{
    private const int Vocabulary = 256;

    private static readonly ResumeCases s_cases = new();

    private static int[] Letters => s_cases.Letters;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public async Task CutAnywhereAndResumedElsewhereIsTheUninterruptedStream(int seed)
    {
        var random = new Random(seed);
        var seen = new ResumeCoverage();
        await using var first = Engine(random, blocks: 400);
        await using var second = Engine(random, blocks: 26);
        await using var third = Engine(random, blocks: 28);
        await Task.WhenAll(Enumerable.Range(0, 60).Select(async i =>
        {
            var (prompt, options) = s_cases.Next(random);
            int[] draws = [.. Enumerable.Range(0, 6).Select(_ => random.Next(int.MaxValue))];
            List<GeneratedPiece> whole;
            try
            {
                whole = await Resumption.ReadAsync(first.GenerateAsync(prompt, options));
            }
            catch (RequestFailedException)
            {
                // Its options leave no token.
                seen.CountFailed();
                return;
            }

            seen.Count(options, whole);
            foreach (var cut in new[] { 0, draws[0] % whole.Count, draws[1] % whole.Count, whole.Count - 1 }.Distinct())
            {
                seen.CountCut(options, whole[..cut]);
                var rest = await Resumption.ResumeAsync(second, prompt, options, whole[..cut]);
                Resumption.AssertSame(whole[cut..], rest);
            }

            // Cut off for a second time, in the engine that continued it, and resumed where the first engine's cache
            // has all of it.
            var begun = whole[..(draws[2] % whole.Count)];
            var read = draws[3] % 8;
            List<GeneratedPiece> joined =
                [.. begun, .. await Resumption.ResumeAsync(third, prompt, options, begun, read)];
            if (joined.Count < whole.Count)
            {
                seen.CountTwice(begun.Count > 0 && read > 0);
                joined.AddRange(await Resumption.ResumeAsync(first, prompt, options, joined));
            }

            Resumption.AssertSame(whole, joined);

            // Cut off when the last token was there, but not that it was the last.
            var (unfinished, end) = ResumeCases.WithoutEnd(whole, options);
            Resumption.AssertSame([end], await Resumption.ResumeAsync(second, prompt, options, unfinished));
        })).WaitAsync(TimeSpan.FromSeconds(90));
        foreach (var engine in new[] { first, second, third })
        {
            await EngineMixtureTests.AllBlocksAreBack(engine);
        }

        var preemptions = second.Stats.Preemptions + third.Stats.Preemptions;
        var accepted = second.Stats.AcceptedDraftTokens + third.Stats.AcceptedDraftTokens;
        Assert.True(preemptions > 0 && accepted > 0, $"{preemptions} preemptions, {accepted} accepted drafts");
        seen.AssertAll();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AStopTextBegunBeforeTheCutEndsTheText(bool includes)
    {
        await using var engine = Engine();
        var options = Spelled("ab🦊cd") with { Stop = ["b🦊c"], IncludeStopText = includes };
        int[] prompt = [5];
        var whole = await Resumption.ReadAsync(engine.GenerateAsync(prompt, options));
        Assert.Equal(includes ? "ab🦊c" : "a", string.Concat(whole.Select(piece => piece.Text)));
        for (var cut = 0; cut < whole.Count; cut++)
        {
            var rest = await Resumption.ResumeAsync(engine, prompt, options, whole[..cut]);
            Assert.Equal(includes ? (cut == 0 ? "ab🦊c" : "b🦊c") : (cut == 0 ? "a" : ""), TextOf(rest));
            Assert.Equal(FinishReason.Stop, rest[^1].FinishReason);
            Assert.Equal(new StopReason("b🦊c", null), rest[^1].StopReason);
            Assert.Equal(new Usage(1, 7), rest[^1].Usage!.Value with { CachedTokens = 0 });
        }
    }

    [Fact]
    public async Task ACharacterThatWasCutComesWhole()
    {
        await using var engine = Engine();
        var options = Spelled("a🦊é");
        int[] prompt = [5];
        var whole = await Resumption.ReadAsync(engine.GenerateAsync(prompt, options));
        string[] rests = ["a🦊é", "🦊é", "🦊é", "🦊é", "🦊é", "é", "é"];
        for (var cut = 0; cut < whole.Count; cut++)
        {
            Assert.Equal(rests[cut], TextOf(await Resumption.ResumeAsync(engine, prompt, options, whole[..cut])));
        }

        // Of a text that the limit cuts within a character, the end that shows it comes once too.
        var cutShort = options with { MaxNewTokens = 3, Constraint = null, AllowedTokenIds = [Id(0xF0)] };
        var pieces = await Resumption.ReadAsync(
            engine.GenerateAsync([5, Id(0xF0), Id(0xF0)], cutShort with { GeneratedBefore = 2 }));
        Assert.Equal(("\uFFFD\uFFFD", 3), (TextOf(pieces), pieces[^1].Usage!.Value.CompletionTokens));
    }

    [Fact]
    public async Task TokensThatEndedTheTextEndItWithoutComputation()
    {
        var runner = new FakeRunner(16, vocabulary: Vocabulary, context: 8);
        await using var engine = new Engine(runner, Tokenizers.Storyteller);
        var options = new GenerationOptions { MaxNewTokens = 3 };
        int[] abc = [.. Letters[..3]];
        await Check(abc, options, FinishReason.Length);
        await Check(
            abc,
            options with { MaxNewTokens = 4, Stop = ["abc"] },
            FinishReason.Stop,
            new StopReason("abc", null));
        await Check(
            abc,
            options with { MaxNewTokens = 4, StopTokenIds = [abc[2]], IncludeStopText = true },
            FinishReason.Stop,
            new StopReason(null, abc[2]));
        await Check(
            abc, options with { MaxNewTokens = 4, Constraint = new TokenTrieConstraint(abc) }, FinishReason.Stop);

        // The context is full.
        await Check([.. abc, .. abc, abc[0]], options with { MaxNewTokens = 9 }, FinishReason.Length);
        Assert.Equal(0, runner.StepCount);

        async Task Check(int[] before, GenerationOptions asked, FinishReason reason, StopReason? stop = null)
        {
            var piece = Assert.Single(await Resumption.ReadAsync(engine.GenerateAsync(
                [7, .. before], asked with { GeneratedBefore = before.Length })));
            Assert.Equal(("", reason, stop), (piece.Text, piece.FinishReason, piece.StopReason));
            Assert.Empty(piece.TokenIds);
            Assert.Equal(new Usage(1, before.Length), piece.Usage);
        }
    }

    [Fact]
    public async Task EachSampleOfSeveralContinuesAloneWithItsOwnSeed()
    {
        await using var engine = Engine();
        var options = new GenerationOptions { Samples = 4, Temperature = 1, Seed = 9, MaxNewTokens = 20, LogProbs = 1 };
        int[] prompt = [1, 2, 3];
        var all = await Resumption.ReadAsync(engine.GenerateAsync(prompt, options));
        for (var row = 0; row < 4; row++)
        {
            var whole = all.Where(piece => piece.Row == row).Select(piece => piece with { Row = 0 }).ToList();
            var alone = options with { Samples = 1, Seed = Sampler.SeedOf(9, row) };
            Resumption.AssertSame(whole[7..], await Resumption.ResumeAsync(engine, prompt, alone, whole[..7]));
        }
    }

    [Fact]
    public async Task PromptLogProbabilitiesAreNotGivenAgain()
    {
        await using var engine = Engine();
        var options = new GenerationOptions { MaxNewTokens = 4, LogProbs = 1, PromptLogProbs = true };
        var whole = await Resumption.ReadAsync(engine.GenerateAsync([1, 2, 3], options));
        Assert.Equal(2, whole[0].PromptLogProbs!.Count);
        var rest = await Resumption.ResumeAsync(engine, [1, 2, 3], options, whole[..1]);
        Assert.All(rest, piece => Assert.Null(piece.PromptLogProbs));
        Resumption.AssertSame(whole[1..], rest);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ATurnResumedInAnotherEngineLeavesTheSameSession(bool keepsStopText)
    {
        await using var engine = Engine();
        await using var other = Engine();
        var turn = Spelled("ab🦊cd") with { Stop = ["b🦊c"], SessionKeepsStopText = keepsStopText };
        var next = new GenerationOptions { MaxNewTokens = 6, Temperature = 1, Seed = 4 };
        int[] earlier = [1, 2, 3];
        int[] prompt = [4, 5];
        await using var session = engine.StartSession(earlier);
        var whole = await Resumption.ReadAsync(session.ContinueAsync(prompt, turn));
        int[] tokens = [.. session.TokenIds];
        var follows = await Resumption.ReadAsync(session.ContinueAsync([6], next));
        int[] ids = [.. whole.SelectMany(piece => piece.TokenIds)];

        // At the last cut every token is there, so that nothing is computed.
        for (var cut = 0; cut <= ids.Length; cut++)
        {
            await using var resumed = other.StartSession(earlier);
            var rest = await Resumption.ReadAsync(
                resumed.ContinueAsync([.. prompt, .. ids[..cut]], turn with { GeneratedBefore = cut }));
            Assert.Equal(cut == 0 ? "a" : "", TextOf(rest));
            Assert.Equal(
                whole[^1].Usage!.Value with { CachedTokens = 0 }, rest[^1].Usage!.Value with { CachedTokens = 0 });
            Assert.Equal(tokens, resumed.TokenIds);
            Resumption.AssertSame(follows, await Resumption.ReadAsync(resumed.ContinueAsync([6], next)));
        }

        await using var tooShort = other.StartSession(earlier);
        var error = await Assert.ThrowsAsync<OptionException>(
            () => Resumption.ReadAsync(tooShort.ContinueAsync([4], turn with { GeneratedBefore = 2 })));
        Assert.Equal("generated_before", error.Option);
        Assert.Equal(earlier, tooShort.TokenIds);
    }

    [Fact]
    public void WhatCannotContinueExactlyIsRefusedByName()
    {
        using var runner = new FakeRunner(16, vocabulary: Vocabulary, context: 8);
        var engine = new Engine(runner, Tokenizers.Storyteller);
        var options = new GenerationOptions { MaxNewTokens = 4, GeneratedBefore = 2 };
        int[] prompt = [7, Letters[0], Letters[1]];
        engine.Validate(prompt, options);
        Refused("generated_before", prompt, options with { GeneratedBefore = -1 });
        Refused("generated_before", prompt, options with { GeneratedBefore = 5 });
        Refused("generated_before", prompt, options with { GeneratedBefore = 3 });
        Refused("generated_before", prompt, options with { Beams = new BeamSearchOptions { NumBeams = 2 } });
        Refused("n", prompt, options with { Samples = 2 });
        Refused("seed", prompt, options with { Temperature = 1 });
        engine.Validate(prompt, options with { Temperature = 1, Seed = 1 });
        Assert.Equal(
            "generated_before",
            Assert.Throws<OptionException>(() => engine.Validate("abc", options)).Option);
        foreach (var (ids, asked) in new (int[], GenerationOptions)[]
        {
            ([7, Vocabulary, 2], options),
            ([7, -1, 2], options),
            ([7, 2, Vocabulary - 1], options),
            ([7, 8, 2], options with { EosTokenIds = [8] }),
            ([7, 8, 2], options with { StopTokenIds = [2] }),
            ([7, 8, 2], options with { StopTokenIds = [8], IncludeStopText = true }),
            (prompt, options with { Stop = ["a"] }),
        })
        {
            Assert.Throws<RequestException>(() => engine.Validate(ids, asked));
        }

        engine.Validate([7, 7, 7, 7, 7, 7, 7, 7], options);
        Assert.Throws<ContextLengthException>(() => engine.Validate([7, 7, 7, 7, 7, 7, 7, 7, 7], options));

        void Refused(string name, int[] ids, GenerationOptions asked) =>
            Assert.Equal(name, Assert.Throws<OptionException>(() => engine.Validate(ids, asked)).Option);
    }

    [Fact]
    public async Task TokensThatTheConstraintForbidsAreRefused()
    {
        await using var engine = Engine();
        var options = new GenerationOptions { Constraint = new TokenTrieConstraint([3, 4, 5]), GeneratedBefore = 2 };
        var error = await Assert.ThrowsAsync<ConstraintException>(
            () => Resumption.ReadAsync(engine.GenerateAsync([7, 3, 5], options)));
        Assert.Contains("token 5, number 2", error.Message, StringComparison.Ordinal);
        await EngineMixtureTests.AllBlocksAreBack(engine);
    }

    private static Engine Engine(Random random, int blocks) => new(
        new FakeRunner(blocks, vocabulary: Vocabulary, context: 96),
        Tokenizers.Storyteller,
        new EngineOptions
        {
            TimeProvider = new FrozenTime(),
            Scheduling = new SchedulingOptions
            {
                MaxTokensPerStep = random.Next(12, 60),
                MaxLogitsPerStep = random.Next(8, 40),
                MaxRunningSequences = 20,
            },
        },
        new FakeRunner(60, vocabulary: Vocabulary, context: 96));

    private static Engine Engine() =>
        new(new FakeRunner(64, vocabulary: Vocabulary), Tokenizers.Storyteller);

    /// <summary>Options that leave one text alone, byte by byte.</summary>
    private static GenerationOptions Spelled(string text) => new()
    {
        Constraint = new TokenTrieConstraint([.. Encoding.UTF8.GetBytes(text).Select(Id)]),
        MaxNewTokens = 40,
    };

    private static int Id(byte value) => ResumeCases.Id(value);

    private static string TextOf(IEnumerable<GeneratedPiece> pieces) =>
        string.Concat(pieces.Select(piece => piece.Text));
}
