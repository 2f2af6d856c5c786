using TorchKv.Runtime.Serving;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>What a watch costs the engine's thread, counted.</summary>
public sealed class WatchCostTests
{
    private const int Steps = 64;

    [Fact]
    public async Task AStepReadsTheClockOnlyForAPresentViewer()
    {
        var runner = new FakeRunner(64);
        var time = new CountingTime();
        await using var engine = new Engine(runner, null, new EngineOptions { TimeProvider = time });
        var never = await ReadsAsync();
        var watch = await engine.WatchAsync();
        var watched = await ReadsAsync();
        await watch.DisposeAsync();
        Assert.Equal(never, await ReadsAsync());

        // The recorder notes when a step begins and when it ends.
        Assert.Equal(never + (2 * Steps), watched);

        // Nor is there anything that it notes in.
        Assert.Null(engine.Loop.Parts.Recorder);
        Assert.Null(engine.Loop.Parts.Blocks.Pool.Prefixes!.Evictions);

        async Task<long> ReadsAsync()
        {
            var (count, before, reads) = (0, 0L, 0L);
            runner.Fault = _ =>
            {
                // At the beginning of a decode step, on the engine's thread.
                count++;
                before = count == 4 ? time.Reads : before;
                reads = count == 4 + Steps ? time.Reads - before : reads;
            };
            await Alone.Read(engine.GenerateAsync([1, 2, 3], new() { MaxNewTokens = Steps + 8, EosTokenIds = [] }));
            Assert.True(count > 4 + Steps);
            return reads;
        }
    }

    private sealed class CountingTime : TimeProvider
    {
        private long _reads;

        public long Reads => Interlocked.Read(ref _reads);

        public override long GetTimestamp()
        {
            Interlocked.Increment(ref _reads);
            return base.GetTimestamp();
        }
    }
}
