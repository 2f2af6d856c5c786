using TorchKv.Running;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.TestSupport;

namespace TorchKv.Tests.Running;

/// <summary>
/// Failing steps, cancelled requests, deadlines and disposal over TorchRunner: blocks come back and the others are
/// right.
/// </summary>
public class TorchEngineFaultTests
{
    private static readonly string Folder = RepositoryFiles.Fixture("hf", "gelu-new");
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task RandomFaultsAndCancelsLeaveOthersRightAndNoLeak(int seed)
    {
        await using var alone = await TorchEngineMixtureTests.AloneAsync(Folder);
        var faults = new Random(seed);
        var runner = new HookedRunner(TorchRunner.Load(Folder, new TorchRunnerOptions { BlockCount = 24 }))
        {
            BeforeStep = Fail,
            AfterStep = Fail,
            BeforeCopy = Fail,
        };
        var scheduling = new SchedulingOptions { MaxRunningSequences = 12, MaxTokensPerStep = 60 };
        await using var engine = new Engine(runner, options: new EngineOptions { Scheduling = scheduling });
        var random = new Random(seed + 100);
        var ends = new int[4];
        await Task.WhenAll(Enumerable.Range(0, 120).Select(async i =>
        {
            int[] prompt = TorchEngineMixtureTests.Ids(random, random.Next(1, 25));
            var options = new GenerationOptions
            {
                MaxNewTokens = random.Next(1, 25),
                Samples = random.Next(1, 3),
                EosTokenIds = [],
                Seed = (ulong)i,
                Temperature = random.Next(2) == 0 ? null : 1,
                LogProbs = 1,
                Deadline = random.Next(10) == 0 ? TimeSpan.FromMilliseconds(random.Next(1, 40)) : null,
            };
            using var cancel = new CancellationTokenSource();
            if (random.Next(3) == 0)
            {
                cancel.CancelAfter(random.Next(1, 60));
            }

            await Task.Yield();
            try
            {
                var samples = await EngineReading.All(
                    engine.GenerateAsync(prompt, options, cancel.Token), options.Samples);
                foreach (var (sample, pieces) in samples)
                {
                    ScoredToken[] tokens = [.. pieces.SelectMany(piece => piece.LogProbs)];
                    await Scoring.Check(alone, prompt, tokens, options.IsGreedy, $"request {i}, sample {sample}");
                }

                Interlocked.Increment(ref ends[0]);
            }
            catch (OperationCanceledException)
            {
                Interlocked.Increment(ref ends[1]);
            }
            catch (RequestFailedException e)
            {
                Assert.Equal("injected", e.InnerException!.Message);
                Interlocked.Increment(ref ends[2]);
            }
            catch (DeadlineExceededException)
            {
                Interlocked.Increment(ref ends[3]);
            }
        })).WaitAsync(Patience);
        Assert.True(ends[0] > 0 && ends[2] > 0, string.Join(", ", ends));
        await EngineReading.AllBlocksAreBack(engine);

        void Fail()
        {
            if (faults.Next(12) == 0)
            {
                throw new InvalidOperationException("injected");
            }
        }
    }

    [Fact]
    public async Task DisposingUnderLoadEndsEveryReaderAndDisposesTheRunner()
    {
        var runner = TorchRunner.Load(Folder, new TorchRunnerOptions { BlockCount = 40 });
        var engine = new Engine(runner);
        var readers = Enumerable.Range(0, 40).Select(i => Task.Run(async () =>
        {
            try
            {
                await EngineReading.Ids(engine.GenerateAsync([i, 5], new() { MaxNewTokens = 60, EosTokenIds = [] }));
                return "end";
            }
            catch (EngineClosedException)
            {
                return "closed";
            }
        })).ToArray();
        await Task.Delay(20);
        await engine.DisposeAsync().AsTask().WaitAsync(Patience);
        Assert.Contains("closed", await Task.WhenAll(readers).WaitAsync(Patience));
        Assert.Throws<ObjectDisposedException>(() => runner.CopyBlock(0, 1));
    }

    [Fact]
    public async Task ADeadlineEndsARequestAndTheNextOneRuns()
    {
        await using var engine = await TorchEngine.LoadAsync(Folder, torch: new TorchRunnerOptions { BlockCount = 8 });
        var hopeless = new GenerationOptions { MaxNewTokens = 60, EosTokenIds = [], Deadline = TimeSpan.FromTicks(1) };
        await Assert.ThrowsAsync<DeadlineExceededException>(
            () => EngineReading.Ids(engine.GenerateAsync([1, 2, 3], hopeless)));
        Assert.Equal(
            5,
            (await EngineReading.Ids(
                engine.GenerateAsync([1, 2, 3], new() { MaxNewTokens = 5, EosTokenIds = [] })))[0].Count);
        await EngineReading.AllBlocksAreBack(engine);
    }

    [Fact]
    public async Task CancellingEndsAGenerationEarly()
    {
        await using var engine = await TorchEngine.LoadAsync(RepositoryFiles.Weights("storyteller"));
        using var cancel = new CancellationTokenSource();
        var pieces = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in engine.GenerateAsync(
                [1, 2, 3], new() { MaxNewTokens = 500, EosTokenIds = [] }, cancel.Token))
            {
                pieces++;
                await cancel.CancelAsync();
            }
        });
        await EngineReading.AllBlocksAreBack(engine);
        Assert.InRange(pieces, 1, 400);
        Assert.Equal((1, 0), (engine.Stats.CancelledRequests, engine.Stats.CompletedRequests));
    }
}
