using System.Diagnostics.Metrics;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>
/// Whatever fails or is called off: the pool is full again, nothing hangs, every reader gets an end or an error.
/// </summary>
[Trait("speed", "fast")]
public class EngineFaultTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task ARequestThatFailsTakesNobodyWithIt()
    {
        var runner = new FakeRunner(64);
        runner.Fault = rows =>
        {
            if (rows.Any(r => r.Tokens.Span.Contains(30)))
            {
                throw new InvalidOperationException("token 30");
            }
        };
        await using var engine = new Engine(runner);
        var good = Enumerable.Range(1, 6).Select(i => new { Prompt = new[] { i, i + 1 }, Options = new GenerationOptions { MaxNewTokens = 20 } }).ToArray();
        var running = good.Select(g => Alone.Read(engine.GenerateAsync(g.Prompt, g.Options))).ToArray();
        var bad = await Assert.ThrowsAsync<RequestFailedException>(() => Alone.Read(engine.GenerateAsync([3, 30])));
        Assert.Equal("token 30", bad.InnerException!.Message);
        for (var i = 0; i < good.Length; i++)
        {
            var expected = Alone.Generate(runner, good[i].Prompt, good[i].Options);
            if (expected.Contains(30))
            {
                await Assert.ThrowsAsync<RequestFailedException>(() => running[i]);
            }
            else
            {
                Assert.Equal(expected, (await running[i])[0]);
            }
        }

        await EngineMixtureTests.AllBlocksAreBack(engine);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task RandomFaultsAndCancelsLeaveOthersRightAndNoLeak(int seed)
    {
        var faults = new Random(seed);
        var runner = new FakeRunner(80, context: 64)
        {
            Fault = _ => Throw(faults, 6),
            CopyFault = (_, _) => Throw(faults, 8),
        };
        await using var engine = new Engine(runner, options: new EngineOptions { Scheduling = new SchedulingOptions { MaxRunningSequences = 12, MaxTokensPerStep = 40 } });
        var random = new Random(seed + 100);
        var ends = new int[3];
        var all = Enumerable.Range(0, 300).Select(async i =>
        {
            int[] prompt = [.. Enumerable.Range(0, random.Next(1, 25)).Select(_ => random.Next(31))];
            var options = new GenerationOptions { MaxNewTokens = random.Next(1, 25), Samples = random.Next(1, 3), Seed = (ulong)i, Temperature = 1 };
            using var cancel = new CancellationTokenSource();
            if (random.Next(3) == 0)
            {
                cancel.CancelAfter(random.Next(1, 20));
            }

            await Task.Yield();
            try
            {
                var rows = await Alone.Read(engine.GenerateAsync(prompt, options, cancel.Token), options.Samples);
                foreach (var (row, ids) in rows)
                {
                    Assert.Equal(Alone.Generate(runner, prompt, options, row), ids);
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
        }).ToArray();
        await Task.WhenAll(all).WaitAsync(Patience);
        Assert.True(ends[0] > 0 && ends[2] > 0);
        await EngineMixtureTests.AllBlocksAreBack(engine);

        static void Throw(Random random, int outOf)
        {
            if (random.Next(outOf) == 0)
            {
                throw new InvalidOperationException("injected");
            }
        }
    }

    [Fact]
    public async Task TenThousandCancelledRequestsLeakNoBlocks()
    {
        var runner = new FakeRunner(200);
        await using var engine = new Engine(runner, options: new EngineOptions { Scheduling = new SchedulingOptions { MaxQueuedRequests = 20_000 } });
        var random = new Random(5);
        var generations = new List<Generation>();
        for (var i = 0; i < 10_000; i++)
        {
            generations.Add(engine.Submit([random.Next(31), random.Next(31), random.Next(31)], new() { MaxNewTokens = 200, EosTokenIds = [] }));
            if (i % 3 == 0)
            {
                generations[random.Next(generations.Count)].Cancel();
            }
        }

        await Task.WhenAll(generations.Chunk(1000).Select(chunk => Task.Run(() => Array.ForEach(chunk, g => g.Cancel()))));
        await Task.WhenAll(generations.Select(g => g.Completion.ContinueWith(_ => { }, TaskScheduler.Default))).WaitAsync(Patience);
        await EngineMixtureTests.AllBlocksAreBack(engine);
        var stats = engine.Stats;
        Assert.Equal(10_000, stats.CancelledRequests + stats.CompletedRequests);
        Assert.Equal(Alone.Generate(runner, [1, 2, 3], new() { MaxNewTokens = 5 }), (await Alone.Read(engine.GenerateAsync([1, 2, 3], new() { MaxNewTokens = 5 })))[0]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task DisposingUnderLoadEndsEveryReaderAndDisposesTheRunner(int seed)
    {
        var random = new Random(seed);
        var runner = new FakeRunner(200);
        var engine = new Engine(runner);
        var readers = Enumerable.Range(0, 200).Select(i => Task.Run(async () =>
        {
            try
            {
                await Alone.Read(engine.GenerateAsync([i % 31, 5], new() { MaxNewTokens = 200, EosTokenIds = [] }));
                return "end";
            }
            catch (EngineClosedException)
            {
                return "closed";
            }
        })).ToArray();
        await Task.Delay(random.Next(30));
        await engine.DisposeAsync().AsTask().WaitAsync(Patience);
        await engine.DisposeAsync().AsTask().WaitAsync(Patience);
        var ends = await Task.WhenAll(readers).WaitAsync(Patience);
        Assert.Contains("closed", ends);
        Assert.True(runner.IsDisposed);
        Assert.Throws<EngineClosedException>(() => engine.Submit([1]));
        Assert.Equal(engine.Stats.TotalBlocks, engine.Stats.FreeBlocks + engine.Stats.CachedBlocks);
    }

    [Fact]
    public async Task ASlowReaderDelaysNobodyAndGetsItsWholeText()
    {
        var runner = new FakeRunner(64);
        await using var engine = new Engine(runner);
        var options = new GenerationOptions { MaxNewTokens = 60, EosTokenIds = [] };
        await using var slow = engine.GenerateAsync([1, 2, 3], options).GetAsyncEnumerator();
        Assert.True(await slow.MoveNextAsync());
        var others = await Task.WhenAll(Enumerable.Range(4, 10).Select(i => Alone.Read(engine.GenerateAsync([i], options)))).WaitAsync(Patience);
        Assert.Equal(10, others.Length);
        var ids = slow.Current.TokenIds.ToList();
        while (await slow.MoveNextAsync())
        {
            ids.AddRange(slow.Current.TokenIds);
        }

        Assert.Equal(Alone.Generate(runner, [1, 2, 3], options), ids);
    }

    [Fact]
    public async Task AReaderWhoLeavesEndsItsRequest()
    {
        using var left = new ManualResetEventSlim();
        var runner = new FakeRunner(64);
        runner.Fault = _ =>
        {
            if (runner.StepCount == 5)
            {
                left.Wait();
            }
        };
        await using var engine = new Engine(runner);
        await foreach (var _ in engine.GenerateAsync([1, 2], new() { MaxNewTokens = 200, EosTokenIds = [] }))
        {
            break;
        }

        left.Set();
        await EngineMixtureTests.AllBlocksAreBack(engine);
        Assert.Equal(1, engine.Stats.CancelledRequests);
    }

    [Fact]
    public async Task ADeadlineEndsARunningAndAWaitingRequest()
    {
        var gate = new ManualResetEventSlim();
        var time = new ManualTime();
        var runner = new FakeRunner(64) { Fault = _ => gate.Wait() };
        await using var engine = new Engine(runner, options: new EngineOptions { TimeProvider = time, Scheduling = new SchedulingOptions { MaxRunningSequences = 1 } });
        var running = Alone.Read(engine.GenerateAsync([1, 2], new() { MaxNewTokens = 100, EosTokenIds = [], Deadline = TimeSpan.FromSeconds(5) }));
        var waiting = Alone.Read(engine.GenerateAsync([3, 4], new() { MaxNewTokens = 100, EosTokenIds = [], Deadline = TimeSpan.FromSeconds(3) }));
        var patient = Alone.Read(engine.GenerateAsync([5, 6], new() { MaxNewTokens = 10, EosTokenIds = [], Deadline = TimeSpan.FromDays(1) }));
        time.Advance(TimeSpan.FromSeconds(6));
        gate.Set();
        var expired = await Assert.ThrowsAsync<DeadlineExceededException>(() => running);
        Assert.Equal(TimeSpan.FromSeconds(5), expired.Deadline);
        await Assert.ThrowsAsync<DeadlineExceededException>(() => waiting);
        Assert.Equal(10, (await patient.WaitAsync(Patience))[0].Count);
        await EngineMixtureTests.AllBlocksAreBack(engine);
    }

    [Fact]
    public async Task AFullQueueRefusesWithItsLengthAndLimit()
    {
        var gate = new ManualResetEventSlim();
        var runner = new FakeRunner(64) { Fault = _ => gate.Wait() };
        await using var engine = new Engine(runner, options: new EngineOptions { Scheduling = new SchedulingOptions { MaxRunningSequences = 1, MaxQueuedRequests = 3 } });
        var accepted = new List<Generation>();
        QueueFullException? refusal = null;
        for (var i = 0; i < 6 && refusal is null; i++)
        {
            try
            {
                accepted.Add(engine.Submit([1, 2], new() { MaxNewTokens = 2 }));
            }
            catch (QueueFullException e)
            {
                refusal = e;
            }
        }

        Assert.Equal((3, 3), (refusal!.Queued, refusal.Capacity));
        gate.Set();
        await Task.WhenAll(accepted.Select(g => g.Completion)).WaitAsync(Patience);
        await Alone.Read(engine.GenerateAsync([1, 2], new() { MaxNewTokens = 2 }));
    }

    [Fact]
    public async Task ARequestCancelledBeforeItsAdmissionEndsLikeAnyOther()
    {
        var runner = new FakeRunner(64);
        await using var engine = new Engine(runner);

        // A message runs after the submitted requests were taken and before cancelled ones are removed.
        var generation = await engine.Loop.InvokeAsync(() =>
        {
            var submitted = engine.Submit([1, 2], new() { MaxNewTokens = 200, EosTokenIds = [] });
            submitted.Cancel();
            return submitted;
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => generation.Completion.WaitAsync(Patience));
        await EngineMixtureTests.AllBlocksAreBack(engine);
        Assert.Equal((1, 0, 0), (engine.Stats.CancelledRequests, engine.Stats.CompletedRequests, runner.StepCount));
    }

    [ThreadStatic]
    private static bool t_listenerThrows;

    [Fact]
    public async Task AThrowingListenerCostsItsMeasurementAndNoRequest()
    {
        var thrown = 0;
        using var listener = new MeterListener { InstrumentPublished = (i, l) => { if (i.Meter.Name == "TorchKv.Runtime") { l.EnableMeasurementEvents(i); } } };
        listener.SetMeasurementEventCallback<double>((_, _, _, _) =>
        {
            // Other tests' engines have threads of their own.
            if (t_listenerThrows)
            {
                thrown++;
                throw new InvalidOperationException("listener");
            }
        });
        listener.Start();
        var runner = new FakeRunner(64) { Fault = _ => t_listenerThrows = true };
        await using var engine = new Engine(runner);
        for (var i = 0; i < 2; i++)
        {
            var options = new GenerationOptions { MaxNewTokens = 10, EosTokenIds = [] };
            Assert.Equal(Alone.Generate(runner, [1, i], options), (await Alone.Read(engine.GenerateAsync([1, i], options)).WaitAsync(Patience))[0]);
        }

        await EngineMixtureTests.AllBlocksAreBack(engine);
        Assert.Equal(2 * (1 + 9 + 1), thrown);
    }

    private sealed class ManualTime : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Read(ref _ticks);

        public void Advance(TimeSpan by) => Interlocked.Add(ref _ticks, by.Ticks);
    }
}
