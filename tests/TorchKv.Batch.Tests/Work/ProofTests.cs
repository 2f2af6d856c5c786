using TorchKv.Batch.Tests.Support;
using TorchKv.Benchmarks.Batch;

namespace TorchKv.Batch.Tests.Work;

/// <summary>Processes of workers and a PostgreSQL that are killed and stopped at random moments.</summary>
public class ProofTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task NothingIsLostOrDoubleWhenWorkersAndDatabaseDie(int seed)
    {
        Postgres.SkipWhereMissing();
        await using var postgres = await PostgresServer.StartAsync();

        var report = await Proof.RunAsync(
            new ProofOptions
            {
                Jobs = 2000,
                Concurrency = 2,
                JobTime = TimeSpan.FromMilliseconds(5),
                Lease = TimeSpan.FromSeconds(1.5),
                DatabaseKills = 2,
                WorkerKills = 2,
                WorkerStops = 1,
                Seed = seed,
            },
            postgres);

        Assert.Equal("completed", report.Status);
        Assert.Equal((0L, 0L, 0L, 0L), (report.Lost, report.Twice, report.Wrong, report.Open));
        Assert.Equal((2000L, 2000L, 0L), (report.Results, report.OutputLines, report.ErrorLines));
        Assert.True(report.CountsAreRight);
        Assert.True(report.AwaySeconds > 0, "PostgreSQL was not killed.");
    }

    [Fact]
    public async Task OnlyTheJobThatEndsItsProcessFails()
    {
        Postgres.SkipWhereMissing();
        await using var postgres = await PostgresServer.StartAsync();

        var report = await Proof.RunAsync(
            new ProofOptions
            {
                Jobs = 60,
                Workers = 1,
                Concurrency = 4,
                Lease = TimeSpan.FromSeconds(0.5),
                Poison = 1,
            },
            postgres);

        Assert.Equal("completed", report.Status);
        Assert.Equal((59L, 1L), (report.OutputLines, report.ErrorLines));
        Assert.Equal((0L, 0L, 0L, 0L), (report.Lost, report.Twice, report.Wrong, report.Open));
    }
}
