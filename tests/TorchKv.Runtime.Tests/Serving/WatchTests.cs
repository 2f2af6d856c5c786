using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Contracts.Live;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.Testing;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>What an engine shows to those who watch it.</summary>
public sealed class WatchTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task ChangesAddUpToTheState(int seed)
    {
        // A pool so small that blocks are evicted and requests preempted.
        using var gate = new ManualResetEventSlim();
        await using var engine = new Engine(new FakeRunner(24) { Fault = _ => gate.Wait() });
        await using var watch = await engine.WatchAsync(withTokens: true);
        var random = new Random(seed);
        var blocks = new Dictionary<int, LiveBlock>();
        var requests = new Dictionary<long, LiveRequest>();
        long prefill = 0, decode = 0;
        var looks = 0;
        var running = new List<Generation>();
        for (var round = 0; round < 120; round++)
        {
            // Ten requests come at once, so that they are in each other's way.
            if (round % 10 == 0)
            {
                gate.Reset();
            }

            int[] prompt = [.. Enumerable.Range(0, random.Next(1, 30)).Select(i => i < 12 ? i : random.Next(30))];
            running.Add(engine.Submit(prompt, new GenerationOptions
            {
                MaxNewTokens = random.Next(1, 20),
                Samples = random.Next(1, 4),
                Temperature = 1,
                Priority = random.Next(2),
                CacheSalt = random.Next(3) == 0 ? "other" : null,
            }));
            if (round % 10 == 9)
            {
                running[round - random.Next(10)].Cancel();
                gate.Set();
                await LookAsync();
                await LookAsync();
            }
        }

        while ((await engine.SettleAsync()) is { RunningRequests: > 0 } or { QueuedRequests: > 0 })
        {
            await LookAsync();
        }

        // The last change is told once more, with the counters after it.
        await LookAsync();
        await LookAsync();
        Assert.Null(await watch.ChangesAsync());
        Assert.True(looks > 24);
        Assert.Equal(120, requests.Count);
        Assert.All(requests.Values, request => Assert.NotNull(request.EndedAt));
        Assert.Contains(requests.Values, request => request.Phase == LivePhase.Done);
        Assert.Contains(requests.Values, request => request.Phase == LivePhase.Cancelled);
        Assert.Contains(requests.Values, request => request.Preemptions > 0);
        Assert.True(engine.Stats.Evictions > 0);
        Assert.Equal(engine.Stats.Preemptions, requests.Values.Sum(request => (long)request.Preemptions));
        Assert.Equal(engine.Stats.ComputedTokens, prefill + decode);

        Task LookAsync() => engine.Loop.InvokeAsync(() =>
        {
            looks++;
            var recorder = engine.Loop.Parts.Recorder!;
            var changes = recorder.Changes(default);
            Take(changes);
            var state = recorder.Snapshot(default, engine.Loop.Parts.Blocks, 1, 256);
            Assert.Equal(
                state.Blocks.Select(Words).Order(),
                blocks.Values.Where(block => block.State != LiveBlockState.Free).Select(Words).Order());
            var pool = engine.Loop.Parts.Blocks.Pool;
            Assert.Equal(pool.HeldCount, state.Blocks.Count(block => block.State == LiveBlockState.Held));
            Assert.Equal(pool.CachedCount, state.Blocks.Count(block => block.State == LiveBlockState.Cached));
            foreach (var request in state.Requests.Where(request => request.EndedAt is null))
            {
                Assert.Equal(request.Spans, requests[request.Number].Spans);
            }
        });

        void Take(LiveChanges? changes)
        {
            foreach (var block in changes?.Blocks ?? [])
            {
                blocks[block.Index] = block;
            }

            foreach (var request in changes?.Requests ?? [])
            {
                var before = requests.TryGetValue(request.Number, out var known) ? known.Spans : [];
                requests[request.Number] = request with
                {
                    FirstSpan = 0,
                    Spans = [.. before.Take(request.FirstSpan), .. request.Spans],
                };
            }

            foreach (var step in changes?.Steps ?? [])
            {
                prefill += step.PrefillTokens;
                decode += step.DecodeTokens + step.DraftTokens;
            }
        }
    }

    [Fact]
    public async Task SamplesShareTheirPromptsFullBlocks()
    {
        var runner = new FakeRunner(32);
        await using var engine = new Engine(runner);
        await using var watch = await engine.WatchAsync();
        LiveSnapshot? seen = null;
        using var submitted = new ManualResetEventSlim();
        runner.Fault = rows =>
        {
            submitted.Wait();

            // The fourth step: both requests decode, the second one since the step before.
            if (runner.StepCount == 3)
            {
                seen = engine.Loop.Parts.Recorder!.Snapshot(default, engine.Loop.Parts.Blocks, 1, 256);
            }
        };
        int[] prompt = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        await using var four = Read(engine, prompt, samples: 4);
        await using var one = Read(engine, [.. prompt, 10], samples: 1);
        submitted.Set();
        await Task.WhenAll(four.Done, one.Done);
        var shared = seen!.Blocks.Where(block => block.Holders > 1).ToArray();
        Assert.Equal([0, 1], shared.Select(block => block.Position).Order());
        Assert.All(shared, block => Assert.Equal(5, block.Holders));
        Assert.All(shared, block => Assert.Equal([1L, 2L], block.Requests!));
        Assert.All(shared, block => Assert.Equal(4, block.Filled));
        Assert.Equal(8, seen.Requests.Single(request => request.Number == 2).CachedTokens);
        Assert.All(seen.Blocks, block => Assert.Null(block.Tokens));
    }

    [Fact]
    public async Task NothingIsNotedBeforeOrAfterAWatch()
    {
        await using var engine = new Engine(new FakeRunner(32));
        Assert.Null(engine.Loop.Parts.Recorder);
        Assert.Null(engine.Pool().Prefixes!.Evictions);
        var watch = await engine.WatchAsync();
        Assert.NotNull(engine.Loop.Parts.Recorder);
        await Assert.ThrowsAsync<RequestException>(() => engine.WatchAsync());
        await watch.DisposeAsync();
        Assert.Null(engine.Loop.Parts.Recorder);
        Assert.Null(engine.Pool().Prefixes!.Evictions);
        await (await engine.WatchAsync()).DisposeAsync();
    }

    [Fact]
    public async Task AWatchEndsWithItsEngine()
    {
        var engine = new Engine(new FakeRunner(32));
        var watch = await engine.WatchAsync();
        await engine.DisposeAsync();
        await Assert.ThrowsAsync<EngineClosedException>(() => watch.ChangesAsync());
        await watch.DisposeAsync();
    }

    [Fact]
    public async Task AFailedRequestShowsAsFailed()
    {
        var runner = new FakeRunner(32) { Fault = _ => throw new InvalidOperationException("broken") };
        await using var engine = new Engine(runner);
        await using var watch = await engine.WatchAsync();
        await Assert.ThrowsAsync<RequestFailedException>(() => Read(engine, [1, 2], 1).Done);
        var changes = await watch.ChangesAsync();
        Assert.Equal(LivePhase.Failed, Assert.Single(changes!.Requests).Phase);
    }

    private static string Words(LiveBlock block) =>
        $"{block.Index} {block.State} {block.Holders} {string.Join(',', block.Requests ?? [])} {block.Filled} "
        + $"{block.Position} {block.IsPublished} {block.Parent} {block.Tenant} {block.Generation} "
        + string.Join(',', block.Tokens ?? []);

    private static Reading Read(Engine engine, int[] prompt, int samples) => new(engine.Submit(
        prompt, new GenerationOptions { MaxNewTokens = 8, Samples = samples, Temperature = 1, EosTokenIds = [] }));

    private sealed class Reading(Generation generation) : IAsyncDisposable
    {
        public Task Done { get; } = Task.Run(async () =>
        {
            await foreach (var _ in generation)
            {
            }
        });

        public ValueTask DisposeAsync()
        {
            generation.Cancel();
            return ValueTask.CompletedTask;
        }
    }
}
