using TorchKv.Running;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.TestSupport;

namespace TorchKv.Tests.Running;

/// <summary>
/// The engine over TorchRunner in random mixtures: prefix hits, preemptions, samples, drafts, readers who leave.
/// </summary>
public class TorchEngineMixtureTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task ARequestsTokensAndLogProbabilitiesAreAsAlone(int seed)
    {
        var random = new Random(seed);
        var folder = RepositoryFiles.Fixture("hf", seed % 2 == 0 ? "gelu-new" : "untied-head");
        await using var alone = await AloneAsync(folder);
        var (preemptions, hits, accepted) = (0L, 0L, 0L);
        for (var round = 0; round < 3; round++)
        {
            var scheduling = new SchedulingOptions
            {
                MaxTokensPerStep = random.Next(20, 200),
                PrefillTokensBesideDecodes = random.Next(1, 60),
                MaxLogitsPerStep = random.Next(20, 80),
                MaxRunningSequences = random.Next(5, 20),
            };
            await using var engine = await TorchEngine.LoadAsync(
                folder,
                new EngineOptions { Scheduling = scheduling },
                new TorchRunnerOptions { BlockCount = random.Next(6, 12) });
            var prefix = Ids(random, 36);
            await Task.WhenAll(Enumerable.Range(0, 24).Select(async i =>
            {
                int[] prompt = [.. prefix[..random.Next(0, 24)], .. Ids(random, random.Next(1, 12))];
                var options = new GenerationOptions
                {
                    MaxNewTokens = random.Next(1, 34),
                    EosTokenIds = [],
                    Temperature = random.Next(2) == 0 ? null : 1.1f,
                    Seed = (ulong)i,
                    LogProbs = 1,
                    Priority = random.Next(2),
                    Samples = random.Next(6) == 0 ? 2 : 1,
                    Speculation = random.Next(3) == 0 ? new SpeculationOptions { MinMatch = 1 } : null,
                };
                var leaves = random.Next(5) == 0 ? random.Next(1, 3) : int.MaxValue;
                foreach (var sample in await Read(engine, prompt, options, leaves))
                {
                    await Scoring.Check(alone, prompt, sample, options.IsGreedy, $"round {round}, request {i}");
                }
            })).WaitAsync(TimeSpan.FromSeconds(90));
            await EngineReading.AllBlocksAreBack(engine);
            preemptions += engine.Stats.Preemptions;
            hits += engine.Stats.PrefixHitTokens;
            accepted += engine.Stats.AcceptedDraftTokens;
        }

        Assert.True(preemptions > 0, "a mixture without preemptions proves too little");
        Assert.True(hits > 0, "a mixture without prefix hits proves too little");
    }

    [Fact]
    public async Task BeamsBesideOtherRequestsFindWhatTheyFindAlone()
    {
        var folder = RepositoryFiles.Fixture("hf", "gelu-new");
        await using var alone = await AloneAsync(folder);
        await using var engine = await TorchEngine.LoadAsync(folder, torch: new TorchRunnerOptions { BlockCount = 24 });
        var random = new Random(5);
        await Task.WhenAll(Enumerable.Range(0, 12).Select(async i =>
        {
            int[] prompt = Ids(random, random.Next(1, 20));
            if (i % 3 > 0)
            {
                await EngineReading.Ids(engine.GenerateAsync(prompt, new() { MaxNewTokens = 20, EosTokenIds = [] }));
                return;
            }

            var options = new GenerationOptions
            {
                MaxNewTokens = 10,
                EosTokenIds = [186],
                Beams = new BeamSearchOptions { NumBeams = 4, NumReturnSequences = 4 },
            };
            var found = await EngineReading.All(engine.GenerateAsync(prompt, options), 4);
            var expected = await EngineReading.All(alone.GenerateAsync(prompt, options), 4);
            for (var beam = 0; beam < 4; beam++)
            {
                // Beams of almost the same score may change places
                Assert.Equal(expected[beam][0].Score!.Value, found[beam][0].Score!.Value, Scoring.Tolerance);
            }

            Assert.Equal(expected[0][0].TokenIds, found[0][0].TokenIds);
        })).WaitAsync(TimeSpan.FromSeconds(60));
        await EngineReading.AllBlocksAreBack(engine);
    }

    [Fact]
    public async Task DraftsAreAcceptedAndChangeNothing()
    {
        var folder = RepositoryFiles.Weights("storyteller");
        await using var engine = await TorchEngine.LoadAsync(
            folder,
            new EngineOptions { TimeProvider = new FrozenTime() },
            draftDirectory: RepositoryFiles.Weights("storyteller-draft"));
        var plain = new GenerationOptions { MaxNewTokens = 60, EosTokenIds = [] };
        var expected = (await EngineReading.Ids(
            engine.GenerateAsync(engine.Tokenizer!.Encode("Once upon a time"), plain)))[0];
        foreach (var source in Enum.GetValues<DraftSource>())
        {
            await engine.DropCachedBlocksAsync();
            var options = plain with { Speculation = new SpeculationOptions { Source = source, MinMatch = 1 } };
            Assert.Equal(
                expected,
                (await EngineReading.Ids(
                    engine.GenerateAsync(engine.Tokenizer.Encode("Once upon a time"), options)))[0]);
        }

        Assert.NotEqual(0, engine.Stats.AcceptedDraftTokens);
    }

    [Fact]
    public async Task PromptsThatShareAPrefixShareItsBlocks()
    {
        var folder = RepositoryFiles.Fixture("hf", "gelu-new");
        await using var engine = await TorchEngine.LoadAsync(folder, torch: new TorchRunnerOptions { BlockCount = 16 });
        var ids = Ids(new Random(3), 40);
        var options = new GenerationOptions { MaxNewTokens = 8, EosTokenIds = [] };
        var first = await EngineReading.All(engine.GenerateAsync(ids, options));
        var second = await EngineReading.All(engine.GenerateAsync(ids, options));
        Assert.Equal(0, first[0][^1].Usage!.Value.CachedTokens);
        Assert.Equal(32, second[0][^1].Usage!.Value.CachedTokens);
        Assert.Equal(first[0].SelectMany(piece => piece.TokenIds), second[0].SelectMany(piece => piece.TokenIds));
    }

    internal static Task<Engine> AloneAsync(string folder) => TorchEngine.LoadAsync(
        folder,
        new EngineOptions { Scheduling = new SchedulingOptions { PrefixCaching = false } },
        new TorchRunnerOptions { BlockCount = 64 });

    internal static int[] Ids(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => random.Next(200))];

    /// <summary>The scored tokens of each sample, up to where the reader leaves.</summary>
    internal static async Task<List<ScoredToken>[]> Read(
        Engine engine, int[] prompt, GenerationOptions options, int most)
    {
        var read = Enumerable.Range(0, options.Samples).Select(_ => new List<ScoredToken>()).ToArray();
        await foreach (var piece in engine.GenerateAsync(prompt, options))
        {
            read[piece.Row].AddRange(piece.LogProbs);
            if (read[0].Count >= most)
            {
                break;
            }
        }

        return read;
    }
}
