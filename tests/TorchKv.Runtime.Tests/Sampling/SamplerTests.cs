using System.Diagnostics;
using System.Security.Cryptography;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Sampling;

public class SamplerTests
{
    [Fact]
    public void DrawsFollowTheDistribution()
    {
        float[] logits = [0, (float)Math.Log(2), (float)Math.Log(3), (float)Math.Log(4), float.NegativeInfinity];
        var sampler = new Sampler(5);
        var counts = new int[5];
        for (var step = 0; step < 100_000; step++)
        {
            counts[sampler.Sample([.. logits], [], new GenerationOptions { Temperature = 1 }, 7, step)]++;
        }

        // 10, 20, 30 and 40 %; a standard deviation is at most 155.
        Assert.All(
            counts[..4].Select((count, i) => Math.Abs(count - (10_000 * (i + 1)))),
            error => Assert.InRange(error, 0, 620));
        Assert.Equal(0, counts[4]);
    }

    [Fact]
    public void OnlyTokensThatTheFiltersKeepAreDrawn()
    {
        var random = new Random(31);
        for (var round = 0; round < 500; round++)
        {
            var logits = LogitsProcessorsTests.RandomRow(random, random.Next(2, 80));
            var options = LogitsProcessorsTests.RandomOptions(random) with { Temperature = 0.9f };
            var kept = WarpOracle.Warp(logits, options);
            var sampler = new Sampler(logits.Length);
            for (var step = 0; step < 40; step++)
            {
                Assert.True(float.IsFinite(kept[sampler.Sample([.. logits], [], options, (ulong)round, step)]));
            }
        }
    }

    [Fact]
    public void DrawDependsOnSeedAndStepAlone()
    {
        var random = new Random(32);
        var rows = Enumerable.Range(0, 50).Select(_ => LogitsProcessorsTests.RandomRow(random, 97)).ToArray();
        var options = new GenerationOptions { Temperature = 1.2f, TopP = 0.9f, RepetitionPenalty = 1.1f };
        var inOrder = Choices(new Sampler(97), Enumerable.Range(0, 50));

        // One sampler for all, another sequence in between, the steps in any order: as after preemption or a rejected
        // draft.
        var shared = new Sampler(97);
        var shuffled = Choices(shared, Enumerable.Range(0, 50).OrderBy(_ => random.Next()).Select(step =>
        {
            shared.Sample(
                [.. rows[(step + 1) % 50]],
                [1, 2, 3],
                new GenerationOptions { TopK = 3, NoRepeatNgramSize = 1 },
                99,
                step);
            return step;
        }));
        Assert.Equal(inOrder.OrderBy(choice => choice.Step), shuffled.OrderBy(choice => choice.Step));
        Assert.NotEqual(
            inOrder.Select(choice => choice.Id),
            Choices(new Sampler(97), Enumerable.Range(0, 50), seed: 8).Select(choice => choice.Id));

        List<(int Step, int Id)> Choices(Sampler sampler, IEnumerable<int> steps, ulong seed = 7)
            => [.. steps.Select(step => (step, sampler.Sample([.. rows[step]], [5, 6], options, seed, step)))];
    }

    [Fact]
    public void SequencesOfOneSeedDiffer()
    {
        Assert.Equal(7ul, Sampler.SeedOf(7, 0));
        Assert.Equal(100, Enumerable.Range(0, 100).Select(i => Sampler.SeedOf(7, i)).Distinct().Count());
        Assert.NotEqual(Sampler.NewSeed(), Sampler.NewSeed());
    }

    [Fact]
    public void GreedyTakesTheFirstOfTheBest()
    {
        var sampler = new Sampler(20);
        float[] logits = [.. Enumerable.Range(0, 20).Select(i => i is 9 or 17 ? 3f : -i)];
        Assert.Equal(9, sampler.Sample([.. logits], [], new GenerationOptions(), 0, 0));
        Assert.Equal(9, sampler.Sample([.. logits], [], new GenerationOptions { Temperature = 0, TopK = 5 }, 0, 0));
        Assert.Equal(17, sampler.Sample([.. logits], [9], new GenerationOptions { RepetitionPenalty = 1.5f }, 0, 0));
        Assert.Equal(17, sampler.Sample([.. logits], [4, 9, 4], new GenerationOptions { NoRepeatNgramSize = 2 }, 0, 0));
    }

    [Fact]
    public void LogProbabilitiesAreTheModelsBeforeProcessing()
    {
        float[] logits = [1, 3, 2, 3, float.NegativeInfinity, 0];
        var sum = Math.Log(Math.Exp(1) + (2 * Math.Exp(3)) + Math.Exp(2) + Math.Exp(0));
        var best = new TokenLogProbability[4];
        var chosen = new Sampler(6).SampleWithLogProbabilities(
            [.. logits],
            [1, 3],
            new GenerationOptions { RepetitionPenalty = 100 },
            0,
            0,
            best);
        Assert.Equal(2, chosen.Id);
        Assert.InRange(chosen.LogProbability, 2 - sum - 1e-6, 2 - sum + 1e-6);
        Assert.Equal([1, 3, 2, 0], best.Select(token => token.Id));
        Assert.All(
            best,
            token =>
                Assert.InRange(token.LogProbability, logits[token.Id] - sum - 1e-6, logits[token.Id] - sum + 1e-6));

        var all = new TokenLogProbability[6];
        new Sampler(6).LogProbabilities(logits, all);
        Assert.Equal([1, 3, 2, 0, 5, 4], all.Select(token => token.Id));
        Assert.Equal(float.NegativeInfinity, all[5].LogProbability);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void LogitsThatAreNoNumbersAreRefused(float bad)
    {
        for (var at = 0; at < 20; at++)
        {
            var logits = Enumerable.Range(0, 20).Select(i => i == at ? bad : i).ToArray();
            var sampler = new Sampler(20);
            Assert.Contains(
                "NaN",
                Assert.Throws<RequestFailedException>(() => sampler.Sample([.. logits], [], new GenerationOptions(), 0, 0)).Message);
            Assert.Throws<RequestFailedException>(
                () =>
                    sampler.Sample(
                        [.. logits],
                        [],
                        new GenerationOptions { Temperature = 1, TopK = 3, TopP = 0.5f, MinP = 0.1f, TypicalP = 0.5f },
                        0,
                        0));
            Assert.Throws<RequestFailedException>(() => sampler.LogProbabilities(logits, []));
        }
    }

    [Fact]
    public void RowWithoutATokenLeftIsRefused()
    {
        var sampler = new Sampler(3);
        var options = new GenerationOptions { NoRepeatNgramSize = 1 };
        Assert.Contains(
            "No token is left",
            Assert.Throws<RequestFailedException>(() => sampler.Sample([1, 2, 3], [0, 1, 2], options, 0, 0)).Message);
        Assert.Throws<RequestFailedException>(
            () => sampler.Sample([1, 2, 3], [0, 1, 2], options with { Temperature = 1 }, 0, 0));
    }

    [Fact]
    public void ARepetitionPenaltyThatMakesALogitInfiniteIsNamed()
    {
        var sampler = new Sampler(4);
        var options = new GenerationOptions { RepetitionPenalty = 1e-38f };
        foreach (var tried in new[] { options, options with { Temperature = 1 } })
        {
            var refusal = Assert.Throws<OptionException>(() => sampler.Sample([1, 25, 3, 4], [0, 1], tried, 0, 0));
            Assert.Equal("repetition_penalty", refusal.Option);
            Assert.Contains("25", refusal.Limits, StringComparison.Ordinal);
        }

        // Logits that are infinite already are the model's fault, and the next row is not affected.
        Assert.Contains(
            "NaN",
            Assert.Throws<RequestFailedException>(() => sampler.Sample([1, float.PositiveInfinity, 3, 4], [1], options, 0, 0)).Message,
            StringComparison.Ordinal);
        Assert.Equal(3, sampler.Sample([1, 2, 3, 4], [], options, 0, 0));
    }

    [Fact]
    public void NothingIsAllocatedAfterTheFirstRow()
    {
        const int VocabSize = 5_000;
        var random = new Random(33);
        var source = LogitsProcessorsTests.RandomRow(random, VocabSize);
        var logits = new float[VocabSize];
        int[] history = [.. Enumerable.Range(0, 300).Select(_ => random.Next(VocabSize))];
        var best = new TokenLogProbability[5];
        var sampler = new Sampler(VocabSize);
        GenerationOptions[] settings =
        [
            new(),
            new() { Temperature = 0.8f, TopK = 50, TopP = 0.9f, MinP = 0.01f, TypicalP = 0.9f, RepetitionPenalty = 1.1f, NoRepeatNgramSize = 3 },
            new() { Temperature = 0.8f, TopP = 0.95f },
            new()
            {
                LogitBias = new Dictionary<int, float> { [3] = 1, [4] = -1 },
                FrequencyPenalty = 0.5f,
                PresencePenalty = 0.5f,
                MinNewTokens = 20,
                EosTokenIds = [1],
                StopTokenIds = [2],
                BadWordsIds = [[7], [history[^1], 9]],
                AllowedTokenIds = [.. Enumerable.Range(0, 4_000)],
            },
        ];
        Sample(0);
        Assert.Equal(0, Allocations.Fewest(() =>
        {
            for (var step = 1; step < 50; step++)
            {
                Sample(step);
            }
        }));

        void Sample(int step)
        {
            foreach (var options in settings)
            {
                source.CopyTo(logits, 0);
                sampler.Sample(logits, history, options, 1, step);
                source.CopyTo(logits, 0);
                sampler.SampleWithLogProbabilities(logits, history, options, 1, step, best);
            }
        }
    }

    [Fact]
    public void SameSeedGivesTheSameTokensOnEveryMachine()
    {
        // A recorded figure: it may change only where a seed's text changes for everybody.
        Assert.Equal("8CE74DE661B9CA0E", Fingerprint());
    }

    [Theory]
    [InlineData("DOTNET_EnableAVX2")]
    [InlineData("DOTNET_EnableHWIntrinsic")]
    public async Task VectorWidthDoesNotChangeTheTokens(string hardware)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add("-method");
        start.ArgumentList.Add($"{typeof(SamplerTests).FullName}.{nameof(SameSeedGivesTheSameTokensOnEveryMachine)}");
        start.Environment[hardware] = "0";
        using var child = Process.Start(start)!;
        var output = await child.StandardOutput.ReadToEndAsync();
        await child.WaitForExitAsync();
        Assert.True(child.ExitCode == 0, output);
        Assert.Contains("Total: 1", output);
    }

    private static string Fingerprint()
    {
        var random = new Random(34);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var round = 0; round < 400; round++)
        {
            var logits = LogitsProcessorsTests.RandomRow(random, 1_000);
            var options = LogitsProcessorsTests.RandomOptions(random) with { Temperature = 0.5f + random.NextSingle() };
            var chosen = new Sampler(1_000).SampleWithLogProbabilities(logits, [], options, 5, round, []);
            hash.AppendData(BitConverter.GetBytes(chosen.Id));
            hash.AppendData(BitConverter.GetBytes(chosen.LogProbability));
        }

        return Convert.ToHexString(hash.GetHashAndReset())[..16];
    }
}
