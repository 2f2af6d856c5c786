using System.Diagnostics;
using System.Text.Json;
using TorchKv.Benchmarks.Cluster;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Benchmarks.Serving;
using TorchKv.TestSupport;

namespace TorchKv.Benchmarks.Tests;

public class ClusterCommandTests
{
    [Fact]
    public async Task AKilledReplicaCostsNoByteInASmallRun()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "It sends signals and reads /proc.");
        Assert.SkipUnless(File.Exists(ReplicaProcess.Program), "The command line is not built.");
        using var folder = new TemporaryFolder();
        Assert.Equal(0, await Run(
            "--quick", "--only", "kill", "--streams", "8", "--tokens", "80", "--json", folder["cluster.json"]));
        using var report = JsonDocument.Parse(File.ReadAllText(folder["cluster.json"]));
        var figures = report.RootElement.GetProperty("figures").EnumerateArray().ToList();
        Assert.Equal(4, figures.Count);
        foreach (var figure in (JsonElement[])[figures[0], figures[2]])
        {
            Assert.Equal(1, figure.GetProperty("value").GetDouble());
            Assert.Contains("8 of 8 in 1 rounds", figure.GetProperty("detail").GetString());
        }
    }

    [Theory]
    [InlineData("--only", "nothing")]
    [InlineData("--streams", "0")]
    public async Task AnOptionThatCannotBeIsAUsageError(params string[] arguments) =>
        Assert.Equal(2, await Run(arguments));

    [Fact]
    public void APacedTokenTellsHowLongItTravelled()
    {
        for (var i = 0; i < 100; i++)
        {
            var id = PacedToken.Now();
            var later = Stopwatch.GetTimestamp() + (Stopwatch.Frequency * 37 / 1000);
            Assert.InRange(id, 0, PacedToken.Ids - 1);
            Assert.InRange(PacedToken.Microseconds(id, later), 37_000 - 20, 79_000);
        }
    }

    [Fact]
    public void AFigureWithoutATargetHasNoVerdict()
    {
        Assert.Equal("", ClusterTable.Verdict(new Figure("a", 1, "", "")));
        Assert.Equal("ok", ClusterTable.Verdict(new Figure("a", 1, "≤ 1", "")));
        Assert.Equal("short", ClusterTable.Verdict(new Figure("a", 0.9, "≥ 1", "")));
        Assert.Equal("short", ClusterTable.Verdict(new Figure("a", double.NaN, "≤ 1", "")));
    }

    private static Task<int> Run(params string[] arguments) =>
        BenchProgram.RunAsync(["cluster", .. arguments], "", new ClusterCommand());
}
