using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.Testing;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>Random mixtures: whatever else runs, each request gets the tokens that it gets alone.</summary>
public class EngineMixtureTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public async Task WhateverElseRunsARequestGetsItsTokensAlone(int seed)
    {
        var random = new Random(seed);
        for (var round = 0; round < 12; round++)
        {
            var blocks = random.Next(24, 90);
            var runner = new FakeRunner(blocks, context: 64, maxTokensPerStep: random.Next(8, 80));
            if (random.Next(3) == 0)
            {
                // A step that fails now and then: the requests in it are run again one by one.
                var faults = new Random(seed + round);
                runner.Fault = rows =>
                {
                    // Of one request's rows alone a failure is the request's.
                    if (rows.Length > 3 && faults.Next(4) == 0)
                    {
                        throw new InvalidOperationException("injected");
                    }
                };
            }

            await using var engine = new Engine(runner, options: new EngineOptions
            {
                Scheduling = new SchedulingOptions
                {
                    MaxTokensPerStep = random.Next(8, 80),
                    PrefillTokensBesideDecodes = random.Next(1, 40),
                    MaxLogitsPerStep = random.Next(6, 40),
                    MaxRunningSequences = random.Next(4, 20),
                    PrefixCaching = random.Next(4) > 0,
                    QueueOrder = random.Next(2) == 0 ? QueueOrder.FirstComeFirstServed : QueueOrder.ShortestPromptFirst,
                },
            });
            var prefixes = Enumerable.Range(0, 3).Select(_ => Ids(random, random.Next(4, 30))).ToArray();
            var running = new List<Task>();
            for (var i = 0; i < 30; i++)
            {
                int[] prompt = [.. random.Next(2) == 0 ? prefixes[random.Next(3)][..random.Next(1, 4)] : prefixes[random.Next(3)], .. Ids(random, random.Next(1, 20))];
                var options = new GenerationOptions
                {
                    MaxNewTokens = random.Next(1, 30),
                    Temperature = random.Next(2) == 0 ? null : 0.9f,
                    TopK = random.Next(3) == 0 ? 9 : null,
                    RepetitionPenalty = random.Next(3) == 0 ? 1.3f : null,
                    Seed = (ulong)random.Next(5),
                    Samples = random.Next(5) == 0 ? random.Next(2, 4) : 1,
                    Priority = random.Next(3),
                    CacheSalt = random.Next(4) == 0 ? "other" : null,
                    LogProbs = random.Next(4) == 0 ? 2 : null,
                    PromptLogProbs = random.Next(6) == 0,
                    EosTokenIds = random.Next(3) == 0 ? [] : null,
                };
                running.Add(random.Next(5) == 0
                    ? Leave(engine, prompt, options, random.Next(0, 6))
                    : Check(engine, runner, prompt, options));
                if (random.Next(4) == 0)
                {
                    await Task.Yield();
                    await Task.Delay(random.Next(2));
                }
            }

            await Task.WhenAll(running).WaitAsync(TimeSpan.FromSeconds(60));
            await AllBlocksAreBack(engine);
        }
    }

    private static async Task Check(Engine engine, FakeRunner runner, int[] prompt, GenerationOptions options)
    {
        Dictionary<int, List<int>> rows;
        try
        {
            rows = await Alone.Read(engine.GenerateAsync(prompt, options), options.Samples);
        }
        catch (PoolCapacityException)
        {
            return;
        }

        foreach (var (row, ids) in rows)
        {
            Assert.Equal(Alone.Generate(runner, prompt, options, row), ids);
        }
    }

    private static async Task Leave(Engine engine, int[] prompt, GenerationOptions options, int after)
    {
        try
        {
            await foreach (var _ in engine.GenerateAsync(prompt, options))
            {
                if (after-- == 0)
                {
                    return;
                }
            }
        }
        catch (PoolCapacityException)
        {
        }
    }

    internal static async Task AllBlocksAreBack(Engine engine)
    {
        var stats = await engine.SettleAsync();
        Assert.Equal((0, 0, 0), (stats.QueuedRequests, stats.RunningRequests, stats.HeldBlocks));
        Assert.Equal(stats.TotalBlocks, stats.FreeBlocks + stats.CachedBlocks);
    }

    private static int[] Ids(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(31))];
}
