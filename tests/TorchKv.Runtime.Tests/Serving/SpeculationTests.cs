using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.Runtime.Speculation;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>Speculative decoding gives what plain decoding gives, token for token.</summary>
public class SpeculationTests
{
    [Fact]
    public void PromptLookupDraftsWhatFollowedTheLatestLongestMatch()
    {
        Assert.Equal((3, "4,5"), Find([1, 2, 3, 4, 5, 9, 2, 3, 7, 1, 2, 3], 2, 2));
        Assert.Equal((0, ""), Find([1, 2, 3, 4], 2, 8));
        Assert.Equal((0, ""), Find([5, 1, 6, 1], 2, 8));
        Assert.Equal((0, ""), Find([], 1, 8));
    }

    [Fact]
    public void PromptLookupDraftsALoopToTheLastRoom()
    {
        Assert.Equal((2, "7,2,3,7,2,3,7,2"), Find([2, 3, 4, 2, 3, 7, 2, 3], 2, 8));
        Assert.Equal((1, "6,1,6,1"), Find([5, 1, 6, 1], 1, 4));
        Assert.Equal((1, "1,1,1"), Find([1, 1], 1, 3));
    }

    private static (int Match, string Drafts) Find(int[] tokens, int minMatch, int most)
    {
        var drafts = new int[most];
        var match = PromptLookup.Find(tokens, minMatch, drafts);
        return (match, match == 0 ? "" : string.Join(",", drafts));
    }

    [Theory]
    [InlineData(DraftSource.PromptLookup, false)]
    [InlineData(DraftSource.PromptLookup, true)]
    [InlineData(DraftSource.DraftModel, false)]
    [InlineData(DraftSource.DraftModel, true)]
    public async Task DraftsChangeNoTokenOfTheDefaultModel(DraftSource source, bool sampled)
    {
        await using var engine = await Engine.LoadAsync(
            RepositoryFiles.Weights("storyteller"),
            new EngineOptions { TimeProvider = new FrozenTime(), Scheduling = new SchedulingOptions { PrefixCaching = false } },
            new CpuRunnerOptions { Threads = 2, BlockCount = 120 },
            RepositoryFiles.Weights("storyteller-draft"));
        string[] prompts = ["Once upon a time", "The cat and the dog. The cat and the dog. The cat", "Lily said: I", "<|endoftext|>"];
        var options = new GenerationOptions { MaxNewTokens = 90, Temperature = sampled ? 0.8f : null, TopP = sampled ? 0.95f : null, Seed = 11 };
        var plain = await Task.WhenAll(prompts.Select(p => Alone.Read(engine.GenerateAsync(p, options))));
        var withDrafts = await Task.WhenAll(
            prompts.Select(
                p =>
                    Alone.Read(engine.GenerateAsync(p, options with { Speculation = new SpeculationOptions { Source = source } }))));
        for (var i = 0; i < prompts.Length; i++)
        {
            Assert.Equal(plain[i][0], withDrafts[i][0]);
        }

        var stats = await engine.SettleAsync();
        Assert.True(stats.AcceptedDraftTokens > 0);
        Assert.True(stats.AcceptedDraftTokens <= stats.DraftedTokens);

        // A draft counts only where all before it were accepted too.
        var positions = stats.AcceptedDraftPositions;
        var counts = ((ReadOnlySpan<long>)positions).ToArray();
        Assert.Equal(stats.AcceptedDraftTokens, counts.Sum());
        Assert.Equal(counts.OrderDescending(), counts);
        Assert.True(counts[0] <= stats.Drafts);
        await EngineMixtureTests.AllBlocksAreBack(engine);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task RandomMixturesWithDraftsGetTheTokensOfPlainDecoding(int seed)
    {
        var random = new Random(seed);
        for (var round = 0; round < 6; round++)
        {
            var runner = new FakeRunner(random.Next(24, 60), vocabulary: 6, context: 64);
            var draft = new FakeRunner(
                random.Next(20, 60),
                vocabulary: 6,
                context: random.Next(32, 80),
                maxTokensPerStep: random.Next(5, 40));
            if (round % 2 == 1)
            {
                var faults = new Random(round);
                draft.Fault = _ =>
                {
                    if (faults.Next(10) == 0)
                    {
                        throw new InvalidOperationException("draft");
                    }
                };
            }

            await using var engine = new Engine(
                runner,
                options: new EngineOptions { TimeProvider = new FrozenTime(), Scheduling = new SchedulingOptions { MaxTokensPerStep = random.Next(12, 60), MaxLogitsPerStep = random.Next(8, 40), MaxRunningSequences = 8 } },
                draft: draft);
            await Task.WhenAll(Enumerable.Range(0, 24).Select(async i =>
            {
                int[] prompt = [.. Enumerable.Range(0, random.Next(1, 20)).Select(_ => random.Next(5))];
                var options = new GenerationOptions
                {
                    MaxNewTokens = random.Next(1, 40),
                    Temperature = random.Next(2) == 0 ? null : 0.5f,
                    Seed = (ulong)i,
                    Samples = random.Next(4) == 0 ? 2 : 1,
                    EosTokenIds = random.Next(2) == 0 ? [] : null,
                    Priority = random.Next(2),
                    Speculation = random.Next(4) == 0 ? null : new SpeculationOptions
                    {
                        Source = random.Next(2) == 0 ? DraftSource.PromptLookup : DraftSource.DraftModel,
                        MaxDraftTokens = random.Next(1, 12),
                        MinMatch = random.Next(1, 3),
                    },
                };
                try
                {
                    foreach (var (row, ids) in await Alone.Read(engine.GenerateAsync(prompt, options), options.Samples))
                    {
                        Assert.Equal(Alone.Generate(runner, prompt, options, row), ids);
                    }
                }
                catch (PoolCapacityException)
                {
                }
            })).WaitAsync(TimeSpan.FromSeconds(60));
            var stats = await engine.SettleAsync();
            Assert.True(stats.AcceptedDraftTokens > 0);
            await EngineMixtureTests.AllBlocksAreBack(engine);
        }
    }

    [Fact]
    public async Task ADraftModelAbsentOrOfAnotherVocabularyIsRefused()
    {
        await using var engine = new Engine(new FakeRunner(8));
        Assert.Throws<RequestException>(
            () =>
                engine.Submit(
                    [1], new() { MaxNewTokens = 2, Speculation = new() { Source = DraftSource.DraftModel } }));
        Assert.Throws<RequestException>(() => new Engine(new FakeRunner(8), draft: new FakeRunner(8, vocabulary: 30)));
        Assert.Throws<OptionException>(
            () => engine.Submit([1], new() { MaxNewTokens = 2, Speculation = new() { MaxDraftTokens = 0 } }));
    }
}
