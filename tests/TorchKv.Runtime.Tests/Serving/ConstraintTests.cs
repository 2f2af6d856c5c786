using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.Runtime.Tests.Text;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>Which tokens a constraint leaves, however a request is decoded.</summary>
[Trait("speed", "fast")]
public class ConstraintTests
{
    private const int Vocabulary = 70;

    private static readonly int[] s_prompt = [5, 6, 7, 8];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task RandomMixturesGetTheTokensOfAMaskedModel(int seed)
    {
        var random = new Random(seed);
        var accepted = 0L;
        for (var round = 0; round < 4; round++)
        {
            var runner = new FakeRunner(random.Next(46, 60), vocabulary: Vocabulary, context: 64);
            var draft = new FakeRunner(40, vocabulary: Vocabulary, context: 64, maxTokensPerStep: random.Next(8, 40));
            var scheduling = new SchedulingOptions
            {
                MaxTokensPerStep = random.Next(12, 60),
                MaxLogitsPerStep = random.Next(8, 40),
                MaxRunningSequences = 24,
            };
            await using var engine = new Engine(
                runner,
                Tokenizers.Storyteller,
                new EngineOptions { TimeProvider = new FrozenTime(), Scheduling = scheduling },
                draft);
            await Task.WhenAll(Enumerable.Range(0, 20).Select(async i =>
            {
                int[] prompt = [.. Enumerable.Range(0, random.Next(1, 20)).Select(_ => random.Next(Vocabulary - 1))];
                var constraint = ConstraintOracle.Random(random, Vocabulary, longest: 40);
                var options = new GenerationOptions
                {
                    MaxNewTokens = random.Next(1, 40),
                    Temperature = random.Next(3) == 0 ? null : 3f,
                    RepetitionPenalty = random.Next(4) == 0 ? 1.3f : null,
                    Seed = (ulong)i,
                    Samples = random.Next(3) == 0 ? 3 : 1,
                    LogProbs = random.Next(3) == 0 ? 2 : null,
                    Priority = random.Next(2),
                    Speculation = random.Next(3) switch
                    {
                        0 => null,
                        1 => new SpeculationOptions { MinMatch = 1 },
                        _ => new SpeculationOptions { Source = DraftSource.DraftModel },
                    },
                };
                var isFree = random.Next(3) == 0;
                var asked = isFree ? options : options with { Constraint = constraint };
                foreach (var (row, ids) in await Alone.Read(engine.GenerateAsync(prompt, asked), options.Samples))
                {
                    Assert.Equal(
                        isFree
                            ? Alone.Generate(runner, prompt, options, row)
                            : ConstraintOracle.Generate(runner, prompt, options, constraint, row),
                        ids);
                }
            })).WaitAsync(TimeSpan.FromSeconds(60));
            accepted += (await engine.SettleAsync()).AcceptedDraftTokens;
            await EngineMixtureTests.AllBlocksAreBack(engine);
        }

        Assert.True(accepted > 0);
    }

    [Fact]
    public async Task APreemptedSampleKeepsItsPlaceInTheConstraint()
    {
        const int Requests = 6;
        var random = new Random(3);
        using var prepared = new CountdownEvent(Requests);

        // Six texts of up to 48 tokens do not fit 30 blocks of 4. None gets far before all are there.
        var runner = new FakeRunner(30, vocabulary: Vocabulary, context: 80)
        {
            During = _ =>
            {
                prepared.Wait(TimeSpan.FromSeconds(60));
                Thread.Sleep(1);
            },
        };
        await using var engine = Load(runner);
        await Task.WhenAll(Enumerable.Range(0, Requests).Select(async i =>
        {
            var sequences = Enumerable.Range(0, 6).Select(_ => random.GetItems(s_prompt, 8)).SelectMany(
                start => Enumerable.Range(0, 3).Select(_ => (int[])[.. start, .. random.GetItems(s_prompt, 40)]));
            var constraint = new TokenTrieConstraint([.. sequences])
            {
                WritesForcedTokens = i % 2 == 0,
                Preparing = _ =>
                {
                    prepared.Signal();
                    return Task.CompletedTask;
                },
            };
            var options = new GenerationOptions { Constraint = constraint, Temperature = 2, Seed = (ulong)i };
            int[] prompt = [i, 1, 2, 3];
            var expected = ConstraintOracle.Generate(runner, prompt, options, constraint);
            Assert.Equal(48, expected.Count);
            Assert.Equal(expected, (await Alone.Read(engine.GenerateAsync(prompt, options)))[0]);
        })).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.True((await engine.SettleAsync()).Preemptions > 0);
        await EngineMixtureTests.AllBlocksAreBack(engine);
    }

    [Fact]
    public async Task TokensWithoutAChoiceTakeFewerStepsThanTokens()
    {
        var constraint = new TokenTrieConstraint([.. Enumerable.Range(1, 60)]);
        var runner = new FakeRunner(64, vocabulary: Vocabulary);
        await using var engine = Load(runner);
        var options = new GenerationOptions { Constraint = constraint, MaxNewTokens = 100 };
        var pieces = (await EngineReading.All(engine.GenerateAsync(s_prompt, options)))[0];
        Assert.Equal(Enumerable.Range(1, 60), pieces.SelectMany(piece => piece.TokenIds));
        Assert.Equal(FinishReason.Stop, pieces[^1].FinishReason);
        Assert.True(runner.StepCount < 20, $"{runner.StepCount} steps");
    }

    [Fact]
    public async Task WhereNoTokenMayFollowTheTextEndsAtOnce()
    {
        var runner = new FakeRunner(64, vocabulary: Vocabulary);
        await using var engine = Load(runner);
        var options = new GenerationOptions { Constraint = new TokenTrieConstraint([9]), MaxNewTokens = 5 };
        var pieces = (await EngineReading.All(engine.GenerateAsync(s_prompt, options)))[0];
        Assert.Equal([9], pieces.Single().TokenIds);
        Assert.Equal((FinishReason.Stop, 1), (pieces[0].FinishReason, runner.StepCount));

        var empty = options with { Constraint = new TokenTrieConstraint([[]]), Samples = 2 };
        var nothing = await EngineReading.All(engine.GenerateAsync(s_prompt, empty), 2);
        Assert.All(nothing.Values, row => Assert.Equal(FinishReason.Stop, row.Single().FinishReason));
        await EngineMixtureTests.AllBlocksAreBack(engine);
    }

    [Fact]
    public async Task TheLastAllowedTokenDecidesBetweenLengthAndStop()
    {
        await using var engine = Load(new FakeRunner(64, vocabulary: Vocabulary));
        var constraint = new TokenTrieConstraint([1, 2, 3, 4]);
        Assert.Equal(FinishReason.Length, await Reason(3));
        Assert.Equal(FinishReason.Stop, await Reason(4));

        async Task<FinishReason?> Reason(int tokens)
        {
            var options = new GenerationOptions { Constraint = constraint, MaxNewTokens = tokens };
            return (await EngineReading.All(engine.GenerateAsync(s_prompt, options)))[0][^1].FinishReason;
        }
    }

    [Fact]
    public async Task BeamsFindEverySequenceThatIsAllowedWithItsScore()
    {
        var random = new Random(8);
        var runner = new FakeRunner(96, vocabulary: Vocabulary);
        await using var engine = Load(runner);
        for (var round = 0; round < 6; round++)
        {
            var constraint = ConstraintOracle.Random(random, Vocabulary, count: 5, longest: 8);
            var beams = new BeamSearchOptions { NumBeams = 8, NumReturnSequences = 8, LengthPenalty = 0 };
            var options = new GenerationOptions { Constraint = constraint, MaxNewTokens = 12, Beams = beams };
            var found = new List<GeneratedPiece>();
            await foreach (var piece in engine.GenerateAsync(s_prompt, options))
            {
                found.Add(piece);
            }

            var expected = constraint.Sequences.DistinctBy(ids => string.Join(",", ids))
                .Select(ids => (Ids: string.Join(",", ids), Score: Score(ids))).OrderByDescending(s => s.Score).ToArray();
            Assert.Equal(expected.Select(s => s.Ids), found.Select(piece => string.Join(",", piece.TokenIds)));
            Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First.Score, pair.Second.Score!.Value, 1e-3));
            Assert.All(found, piece => Assert.Equal(FinishReason.Stop, piece.FinishReason));
        }

        await EngineMixtureTests.AllBlocksAreBack(engine);

        double Score(int[] ids)
        {
            var (tokens, sum) = (s_prompt.ToList(), 0.0);
            foreach (var id in ids.Append(Vocabulary - 1))
            {
                var logits = FakeModel.Logits(tokens, Vocabulary);
                sum += logits[id] - Math.Log(logits.Sum(logit => Math.Exp(logit)));
                tokens.Add(id);
            }

            return sum;
        }
    }

    [Fact]
    public async Task ASessionContinuesAfterAConstrainedTurn()
    {
        var runner = new FakeRunner(64, vocabulary: Vocabulary);
        await using var engine = Load(runner);
        await using var session = engine.StartSession();
        var constraint = ConstraintOracle.Random(new Random(5), Vocabulary);
        var options = new GenerationOptions { Constraint = constraint, Temperature = 2, Seed = 3 };
        List<int> tokens = [.. s_prompt];
        for (var turn = 0; turn < 4; turn++)
        {
            tokens.Add(turn);
            var expected = ConstraintOracle.Generate(runner, tokens, options, constraint);
            Assert.Equal(expected, (await Alone.Read(session.ContinueAsync(turn == 0 ? tokens : [turn], options)))[0]);
            tokens.AddRange(expected);
            Assert.Equal(tokens, session.TokenIds);
        }
    }

    [Fact]
    public async Task AStopTextEndsAConstrainedText()
    {
        var tokenizer = Tokenizers.Storyteller;
        var constraint = new TokenTrieConstraint(tokenizer.Encode(" The cat sat. The dog ran.").ToArray());
        await using var engine = new Engine(new FakeRunner(64, vocabulary: tokenizer.VocabSize), tokenizer);
        var pieces = engine.GenerateAsync(s_prompt, new() { Constraint = constraint, Stop = [". The"] });
        Assert.Equal(" The cat sat", string.Concat((await EngineReading.All(pieces))[0].Select(piece => piece.Text)));
    }

    [Fact]
    public async Task LogProbabilitiesAreThoseOfTheModelWithoutItsConstraint()
    {
        await using var engine = Load(new FakeRunner(64, vocabulary: Vocabulary));
        var options = new GenerationOptions { Constraint = new TokenTrieConstraint([9, 3], [9, 4]), LogProbs = 3 };
        var pieces = (await EngineReading.All(engine.GenerateAsync(s_prompt, options)))[0];
        var logits = FakeModel.Logits(s_prompt, Vocabulary);
        var logSum = Math.Log(logits.Sum(logit => Math.Exp(logit)));
        var first = pieces[0].LogProbs.Single();
        Assert.Equal((9, logits[9] - logSum), (first.TokenId, first.LogProbability), Close);
        Assert.Equal(logits.Max() - logSum, first.Best[0].LogProbability, 1e-4);
    }

    [Fact]
    public async Task AllowedAndBadTokensNarrowAConstraint()
    {
        await using var engine = Load(new FakeRunner(64, vocabulary: Vocabulary));
        var constraint = new TokenTrieConstraint([1], [1, 2], [3, 4], [3, 5]);
        var options = new GenerationOptions { Constraint = constraint };

        // After 1 only 2 could follow, which is not allowed: the text ends.
        var one = (await EngineReading.All(engine.GenerateAsync(s_prompt, options with { AllowedTokenIds = [1] })))[0];
        Assert.Equal([1], one.Single().TokenIds);
        Assert.Equal(FinishReason.Stop, one[0].FinishReason);
        var banned = options with { BadWordsIds = [[1], [3, 4]] };
        Assert.Equal([3, 5], (await Alone.Read(engine.GenerateAsync(s_prompt, banned)))[0]);
        await Assert.ThrowsAsync<ConstraintException>(
            () => Alone.Read(engine.GenerateAsync(s_prompt, options with { AllowedTokenIds = [3] })));
        await Assert.ThrowsAsync<RequestFailedException>(
            () => Alone.Read(engine.GenerateAsync(s_prompt, options with { BadWordsIds = [[1], [3]] })));
        await EngineMixtureTests.AllBlocksAreBack(engine);
    }

    [Fact]
    public async Task ContradictionsAreRefusedByName()
    {
        var constraint = new TokenTrieConstraint([1, 2]);
        var options = new GenerationOptions { Constraint = constraint };
        await using var engine = Load(new FakeRunner(8, vocabulary: Vocabulary));
        Assert.Equal(
            "eos_token_ids",
            Assert.Throws<OptionException>(() => engine.Validate(s_prompt, options with { EosTokenIds = [] })).Option);
        Assert.Equal(
            "min_new_tokens",
            Assert.Throws<OptionException>(() => engine.Validate(s_prompt, options with { MinNewTokens = 1 })).Option);
        await using var withoutVocabulary = new Engine(new FakeRunner(8));
        Assert.Contains(
            "constraint", Assert.Throws<RequestException>(() => withoutVocabulary.Validate([1], options)).Message);
    }

    private static bool Close((int Id, double Value) a, (int Id, double Value) b) =>
        a.Id == b.Id && Math.Abs(a.Value - b.Value) < 1e-4;

    private static Engine Load(FakeRunner runner) =>
        new(runner, Tokenizers.Storyteller, new EngineOptions { TimeProvider = new FrozenTime() });
}
