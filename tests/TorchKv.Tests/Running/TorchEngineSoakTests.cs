using TorchKv.Loading;
using TorchKv.Models;
using TorchKv.Running;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.TestSupport;
using static TorchSharp.torch;

namespace TorchKv.Tests.Running;

/// <summary>Counts all tensors of the process, so nothing else may run meanwhile.</summary>
[Collection(nameof(TorchGenerator))]
public class TorchEngineSoakTests
{
    private static readonly GenerationOptions Probe = new() { MaxNewTokens = 12, EosTokenIds = [], LogProbs = 1 };

    [Fact]
    public async Task AThousandRequestsOfEveryKindLeaveTheEngineUnchanged()
    {
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "gelu-new"));
        var scheduling = new SchedulingOptions
        {
            MaxRunningSequences = 24,
            MaxTokensPerStep = 96,
            MaxQueuedRequests = 2000,
        };
        await using var engine = new Engine(
            new TorchRunner(model, blockCount: 40), options: new EngineOptions { Scheduling = scheduling });
        var before = await ProbeAsync(engine);
        var tensors = 0L;
        var random = new Random(1);
        for (var wave = 0; wave < 10; wave++)
        {
            await Task.WhenAll(Enumerable.Range(0, 100).Select(i => RequestAsync(engine, new Random(random.Next()), i)))
                .WaitAsync(TimeSpan.FromSeconds(120));
            await EngineReading.AllBlocksAreBack(engine);
            tensors = wave == 0 ? Count() : tensors;
        }

        Assert.True(Count() <= tensors, $"{tensors} tensors after the first wave, {Count()} after the last");
        await engine.DropCachedBlocksAsync();
        Assert.Equal(before, await ProbeAsync(engine));
        var stats = engine.Stats;
        Assert.Equal(stats.TotalBlocks, stats.FreeBlocks + stats.CachedBlocks + stats.HeldBlocks);
        Assert.True(stats.Preemptions > 0 && stats.Evictions > 0, $"{stats}");
        Assert.True(stats.PrefixHitTokens > 0 && stats.AcceptedDraftTokens > 0 && stats.CancelledRequests > 0, $"{stats}");
        Assert.Equal(0, stats.FailedRequests);
    }

    private static async Task<(int, int)[]> ProbeAsync(Engine engine)
    {
        var pieces = await EngineReading.All(engine.GenerateAsync([118, 182, 181], Probe));
        return [.. pieces[0].SelectMany(piece => piece.LogProbs)
            .Select(token => (token.TokenId, BitConverter.SingleToInt32Bits(token.LogProbability)))];
    }

    private static async Task RequestAsync(Engine engine, Random random, int kind)
    {
        // Repeated tokens, so that prompt lookup finds drafts and prompts share prefixes
        int[] prompt = [.. Enumerable.Repeat(random.Next(4), random.Next(1, 40)), random.Next(200)];
        var options = new GenerationOptions { MaxNewTokens = random.Next(1, 20), EosTokenIds = [], Seed = (ulong)kind };
        switch (kind % 6)
        {
            case 0:
                await EngineReading.Ids(engine.GenerateAsync(prompt, options with { Samples = 3, Temperature = 1 }), 3);
                break;
            case 1:
                var beams = new BeamSearchOptions { NumBeams = 3, NumReturnSequences = 2 };
                await EngineReading.Ids(engine.GenerateAsync(prompt, options with { Beams = beams }), 2);
                break;
            case 2:
                var speculation = new SpeculationOptions { MinMatch = 1 };
                await EngineReading.Ids(
                    engine.GenerateAsync(prompt, options with { Speculation = speculation, MaxNewTokens = 20 }));
                break;
            case 3:
                await using (var session = engine.StartSession())
                {
                    await EngineReading.Ids(session.ContinueAsync(prompt, options with { MaxNewTokens = 4 }));
                    await using var fork = await session.ForkAsync();
                    await EngineReading.Ids(fork.ContinueAsync([1, 2], options with { MaxNewTokens = 4 }));
                    await session.RewindAsync(1);
                    await EngineReading.Ids(session.ContinueAsync([3], options with { MaxNewTokens = 4 }));
                }

                break;
            case 4:
                await foreach (var _ in engine.GenerateAsync(prompt, options with { MaxNewTokens = 20, Priority = 3 }))
                {
                    break;
                }

                break;
            default:
                await EngineReading.Ids(
                    engine.GenerateAsync(prompt, options with { PromptLogProbs = true, LogProbs = 2 }));
                break;
        }
    }

    private static long Count()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Tensor.TotalCount;
    }
}
