using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>
/// On the CPU runner, bit for bit: log-probabilities in a random mixture are those of the request alone with a cold
/// cache.
/// </summary>
public class CpuMixtureTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task AMixtureGivesTheBitsOfEachRequestAlone(int seed)
    {
        var random = new Random(seed);
        var folder = HuggingFaceCase.Load(seed % 2 == 0 ? "gelu-new" : "untied-head").Folder;
        await using var alone = await Engine.LoadAsync(
            folder,
            new EngineOptions { Scheduling = new SchedulingOptions { PrefixCaching = false } },
            new CpuRunnerOptions { Threads = 1, BlockCount = 16 });
        var preemptions = 0L;
        var hits = 0L;
        for (var round = 0; round < 4; round++)
        {
            await using var engine = await Engine.LoadAsync(
                folder,
                new EngineOptions
                {
                    Scheduling = new SchedulingOptions
                    {
                        MaxTokensPerStep = random.Next(20, 200),
                        PrefillTokensBesideDecodes = random.Next(1, 60),
                        MaxLogitsPerStep = random.Next(20, 80),
                        MaxRunningSequences = random.Next(5, 20),
                    },
                },
                new CpuRunnerOptions { Threads = random.Next(1, 4), BlockCount = random.Next(5, 11) });
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
                    Speculation = random.Next(3) == 0 ? new SpeculationOptions { MinMatch = 1 } : null,
                };
                var leaves = random.Next(5) == 0 ? random.Next(3) : int.MaxValue;
                var got = await Read(engine.GenerateAsync(prompt, options), leaves);
                var expected = await Read(
                    alone.GenerateAsync(prompt, options with { Speculation = null, Priority = 0 }), leaves);
                Assert.Equal(expected, got);
            })).WaitAsync(TimeSpan.FromSeconds(90));
            await EngineMixtureTests.AllBlocksAreBack(engine);
            preemptions += engine.Stats.Preemptions;
            hits += engine.Stats.PrefixHitTokens;
        }

        Assert.True(preemptions > 0, "a mixture without preemptions proves too little");
        Assert.True(hits > 0, "a mixture without prefix hits proves too little");
    }

    private static async Task<List<(int Token, int Bits)>> Read(IAsyncEnumerable<GeneratedPiece> pieces, int most)
    {
        var read = new List<(int, int)>();
        await foreach (var piece in pieces)
        {
            foreach (var token in piece.LogProbs)
            {
                read.Add((token.TokenId, BitConverter.SingleToInt32Bits(token.LogProbability)));
                if (read.Count >= most)
                {
                    return read;
                }
            }
        }

        return read;
    }

    private static int[] Ids(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(200))];
}
