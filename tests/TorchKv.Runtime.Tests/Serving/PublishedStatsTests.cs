using TorchKv.Runtime.Serving;

namespace TorchKv.Runtime.Tests.Serving;

[Trait("speed", "fast")]
public sealed class PublishedStatsTests
{
    [Fact]
    public async Task ReadersSeeWholeStatisticsWhileTheyAreReplaced()
    {
        var published = new PublishedStats();
        var isDone = false;
        var readers = Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
        {
            var last = 0L;
            while (!Volatile.Read(ref isDone))
            {
                var stats = published.Read();
                Assert.Equal((stats.Steps, stats.Steps, stats.Steps), (stats.Evictions, stats.FailedRequests, stats.RunnerTime.Ticks));
                Assert.True(stats.Steps >= last);
                last = stats.Steps;
            }

            return last;
        })).ToArray();
        for (var i = 1L; i <= 200_000; i++)
        {
            published.Write(new EngineStats
            {
                Steps = i,
                Evictions = i,
                FailedRequests = i,
                RunnerTime = TimeSpan.FromTicks(i),
            });
        }

        Volatile.Write(ref isDone, true);
        await Task.WhenAll(readers);
        Assert.Equal(200_000, published.Read().Steps);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(8, 1)]
    [InlineData(9, 2)]
    [InlineData(16384, 12)]
    [InlineData(16385, 13)]
    public void AStepIsCountedUnderItsBound(int tokens, int bucket)
    {
        var counts = default(StepTokenCounts);
        counts.Add(tokens);
        var expected = new long[StepTokenCounts.Length];
        expected[bucket] = 1;
        Assert.Equal(expected, ((ReadOnlySpan<long>)counts).ToArray());
        Assert.NotEqual(default, counts);
    }
}
