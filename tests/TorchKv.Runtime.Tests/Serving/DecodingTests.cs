using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.Runtime.Text;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>
/// What an engine makes of logits: prompt scores, stop texts, beams, and refusals of logits that cannot be used.
/// </summary>
[Trait("speed", "fast")]
public class DecodingTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static TheoryData<GenerationOptions> Ways => new(
        new GenerationOptions(),
        new GenerationOptions { Temperature = 1 },
        new GenerationOptions { Temperature = 1, Samples = 3 },
        new GenerationOptions { LogProbs = 2 },
        new GenerationOptions { PromptLogProbs = true },
        new GenerationOptions { PromptLogProbs = true, MaxNewTokens = 0 },
        new GenerationOptions { Speculation = new SpeculationOptions() },
        new GenerationOptions { RepetitionPenalty = 1.2f },
        new GenerationOptions { Beams = new BeamSearchOptions { NumBeams = 2 } });

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task LogitsThatAreNoNumbersAreRefusedInOneWay(GenerationOptions options)
    {
        foreach (var bad in new[] { float.NaN, float.PositiveInfinity })
        {
            var runner = new FakeRunner(64);
            await using var engine = new Engine(runner);
            runner.ChangeLogits = logits => logits[7] = bad;
            var refusal = await Assert.ThrowsAsync<RequestFailedException>(
                () => Read(engine, [1, 2, 3, 4, 5], options));
            Assert.StartsWith("The logits hold NaN or infinity", refusal.Message, StringComparison.Ordinal);
            runner.ChangeLogits = null;
            await EngineMixtureTests.AllBlocksAreBack(engine);
        }
    }

    [Fact]
    public async Task AnOverflowingRepetitionPenaltyIsTheOptionsFault()
    {
        await using var engine = new Engine(new FakeRunner(64));
        var options = new GenerationOptions { RepetitionPenalty = 1e-38f };
        var refusal = await Assert.ThrowsAsync<RequestFailedException>(
            () => Read(engine, [.. Enumerable.Range(0, 31)], options));
        Assert.Equal("repetition_penalty", Assert.IsType<OptionException>(refusal.InnerException).Option);
        Assert.Contains("repetition_penalty", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task WhereEveryTokenIsBannedTheRequestIsRefused(int beams)
    {
        await using var engine = new Engine(new FakeRunner(64, vocabulary: 5));
        var options = new GenerationOptions
        {
            MaxNewTokens = 20,
            EosTokenIds = [],
            NoRepeatNgramSize = 1,
            Beams = beams > 1 ? new BeamSearchOptions { NumBeams = beams } : null,
        };
        var refusal = await Assert.ThrowsAsync<RequestFailedException>(() => Read(engine, [1, 2], options));
        Assert.Contains("No token is left", refusal.Message, StringComparison.Ordinal);
        await EngineMixtureTests.AllBlocksAreBack(engine);
    }

    [Fact]
    public async Task BeamsWithAStrongLengthPenaltyAnswer()
    {
        await using var engine = new Engine(new FakeRunner(200));
        var options = new GenerationOptions { MaxNewTokens = 60, EosTokenIds = [], Beams = new BeamSearchOptions { NumBeams = 3, NumReturnSequences = 3, LengthPenalty = -5 } };
        var pieces = await Read(engine, [1, 2], options);
        Assert.Equal([0, 1, 2], pieces.Select(piece => piece.Row));
        Assert.All(
            pieces, piece => Assert.Equal((60, FinishReason.Length), (piece.TokenIds.Count, piece.FinishReason)));
        Assert.All(pieces, piece => Assert.True(piece.Score < -1e9f && float.IsFinite(piece.Score!.Value)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task PromptScoresComeOnceCompleteDespitePreemptions(int samples)
    {
        var runner = new FakeRunner(14, context: 64);
        await using var engine = new Engine(
            runner,
            options: new EngineOptions { Scheduling = new SchedulingOptions { MaxLogitsPerStep = 6, MaxRunningSequences = 6 } });
        int[] prompt = [.. Enumerable.Range(0, 14)];
        var options = new GenerationOptions { MaxNewTokens = 12, EosTokenIds = [], Priority = 5, PromptLogProbs = true, Samples = samples };
        var alone = (await Read(engine, prompt, options))[0].PromptLogProbs!.Select(score => (score.TokenId, score.LogProbability)).ToArray();
        Assert.Equal(prompt[1..], alone.Select(score => score.TokenId));

        var preempted = 0;
        for (var after = 0; after < 12; after++)
        {
            await engine.Loop.InvokeAsync(engine.Pool().DropCached);
            var before = (await engine.SettleAsync()).Preemptions;
            var steps = runner.StepCount + after;
            Task? better = null;
            runner.Fault = _ =>
            {
                // At this step a request of a better priority comes that needs nearly all blocks.
                if (runner.StepCount == steps)
                {
                    better ??= Alone.Read(
                        engine.GenerateAsync(
                            [.. Enumerable.Range(0, 44).Select(i => i % 31)],
                            new() { MaxNewTokens = 8, EosTokenIds = [] }));
                }
            };
            var pieces = await Read(engine, prompt, options);
            await (better ?? Task.CompletedTask).WaitAsync(Patience);
            runner.Fault = null;
            var given = Assert.Single(pieces, piece => piece.PromptLogProbs is not null);
            Assert.Same(pieces.First(piece => piece.Row == 0), given);
            Assert.Equal(alone, given.PromptLogProbs!.Select(score => (score.TokenId, score.LogProbability)));
            var preemptions = (await engine.SettleAsync()).Preemptions - before;
            Assert.Equal<long?>(preemptions, pieces.Max(piece => piece.Preemptions));
            preempted += preemptions > 0 ? 1 : 0;
        }

        Assert.True(preempted > 8, $"{preempted} of 12 were preempted");
        await EngineMixtureTests.AllBlocksAreBack(engine);
    }

    [Fact]
    public async Task AStopTextCompletedByTheLastCharactersIsStop()
    {
        // A text that ends in the middle of a character ends with U+FFFD, which comes only when nothing can follow.
        var tokenizer = Gpt2Tokenizer.Load(RepositoryFiles.Weights("storyteller"));
        var runner = new FakeRunner(64, vocabulary: 4096);
        await using var engine = new Engine(runner, tokenizer);
        var options = new GenerationOptions { MaxNewTokens = 1, EosTokenIds = [], Stop = ["\uFFFD"] };
        var prompt = Enumerable.Range(0, 4096).Select(id => new[] { id }).First(
            p => EndsInACharacter(tokenizer, Alone.Generate(runner, p, options)[0]));
        var last = (await Read(engine, prompt, options))[^1];
        Assert.Equal((FinishReason.Stop, "", 1), (last.FinishReason, last.Text, last.TokenIds.Count));

        static bool EndsInACharacter(Gpt2Tokenizer tokenizer, int token)
        {
            var bytes = tokenizer.TokenBytes(token);
            return bytes.Length == 1 && bytes[0] is >= 0xC2 and <= 0xF4;
        }
    }

    private static async Task<List<GeneratedPiece>> Read(Engine engine, int[] prompt, GenerationOptions options)
    {
        var pieces = new List<GeneratedPiece>();
        await foreach (var piece in engine.GenerateAsync(prompt, options))
        {
            pieces.Add(piece);
        }

        return pieces;
    }
}
