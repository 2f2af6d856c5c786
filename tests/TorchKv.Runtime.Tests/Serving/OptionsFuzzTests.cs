using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Serving;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>Random options, extremes among them: each request is answered or refused by a typed error, and no block is lost.</summary>
[Trait("speed", "fast")]
public class OptionsFuzzTests
{
    private static readonly float[] Reals = [0, -1, 1e-38f, 1e-6f, 0.5f, 1, 1.5f, 100, 1e38f, float.NaN, float.PositiveInfinity];
    private static readonly int[] Counts = [0, -1, 1, 2, 3, 7, 100, int.MaxValue, int.MinValue];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task AnyOptionsAreAnsweredOrRefusedByName(int seed)
    {
        var random = new Random(seed);
        var runner = new FakeRunner(60, vocabulary: 8, context: 64);
        await using var engine = new Engine(
            runner, options: new EngineOptions { TimeProvider = new FrozenTime() }, draft: new FakeRunner(
                40,
                vocabulary: 8,
                context: 64));
        var (answered, refused) = (0, 0);
        await Task.WhenAll(Enumerable.Range(0, 400).Select(async _ =>
        {
            int[] prompt = [.. Enumerable.Range(0, random.Next(0, 20)).Select(_ => random.Next(8))];
            var options = Random(random);
            await Task.Yield();
            try
            {
                var rows = new HashSet<int>();
                await foreach (var piece in engine.GenerateAsync(prompt, options))
                {
                    Assert.True(piece.Score is not { } score || float.IsFinite(score));
                    if (piece.FinishReason is not null)
                    {
                        Assert.True(rows.Add(piece.Row));
                    }
                }

                Assert.Equal(options.Beams?.NumReturnSequences ?? options.Samples, rows.Count);
                Interlocked.Increment(ref answered);
            }
            catch (TorchKvException e)
            {
                Assert.DoesNotContain("Exception", e.Message, StringComparison.Ordinal);
                Interlocked.Increment(ref refused);
            }
        })).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.True(answered > 20 && refused > 20, $"{answered} answered, {refused} refused");
        await EngineMixtureTests.AllBlocksAreBack(engine);
    }

    private static GenerationOptions Random(Random random)
    {
        var options = new GenerationOptions { MaxNewTokens = random.Next(0, 12), Seed = 1 };
        for (var changes = random.Next(1, 4); changes > 0; changes--)
        {
            var real = Reals[random.Next(Reals.Length)];
            var count = Counts[random.Next(Counts.Length)];
            options = random.Next(21) switch
            {
                0 => options with { Temperature = real },
                1 => options with { TopK = count },
                2 => options with { TopP = real },
                3 => options with { MinP = real },
                4 => options with { TypicalP = real },
                5 => options with { RepetitionPenalty = real },
                6 => options with { NoRepeatNgramSize = count },
                7 => options with { MaxNewTokens = count },
                8 => options with { Samples = count },
                9 => options with { LogProbs = count },
                10 => options with { PromptLogProbs = true },
                11 => options with { EosTokenIds = [count, 3] },
                13 => options with { LogitBias = new Dictionary<int, float> { [count] = real, [3] = -real } },
                14 => options with { FrequencyPenalty = real, PresencePenalty = -real },
                15 => options with { MinNewTokens = count },
                16 => options with { StopTokenIds = [count] },
                17 => options with { AllowedTokenIds = [random.Next(8), count] },
                18 => options with { BadWordsIds = [[count], [2, 3]] },
                19 => options with { IncludeStopText = true },
                12 =>
                    options with { Speculation = new SpeculationOptions { Source = (DraftSource)random.Next(3), MaxDraftTokens = count } },
                _ =>
                    options with { Beams = new BeamSearchOptions { NumBeams = count, LengthPenalty = real - 3, NumReturnSequences = random.Next(1, 4), EarlyStopping = (EarlyStopping)random.Next(4) } },
            };
        }

        return options;
    }
}
