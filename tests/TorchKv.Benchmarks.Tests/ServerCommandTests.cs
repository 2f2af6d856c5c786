using System.Text.Json;
using TorchKv.Benchmarks.Http;
using TorchKv.Benchmarks.Measuring;
using TorchKv.TestSupport;

namespace TorchKv.Benchmarks.Tests;

public class ServerCommandTests
{
    [Fact]
    public async Task EveryFigureIsMeasuredAndWritten()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "It sends signals and reads /proc.");
        using var folder = new TemporaryFolder();
        var storyteller = RepositoryFiles.Weights("storyteller");
        Assert.Equal(0, await Run("--quick", "--percent", "5", "--model", storyteller, "--json", folder["server.json"]));
        using var report = JsonDocument.Parse(File.ReadAllText(folder["server.json"]));
        var figures = report.RootElement.GetProperty("figures").EnumerateArray().ToList();
        Assert.Equal(20, figures.Count);
        Assert.All(figures, figure => Assert.True(double.IsFinite(figure.GetProperty("value").GetDouble())));

        // What does not depend on the machine's speed is as wanted even here.
        string[] exact = ["torn streams", "fuzzed bodies", "SIGTERM"];
        var met = figures.Where(figure => exact.Any(figure.GetProperty("what").GetString()!.Contains)).ToList();
        Assert.Equal(5, met.Count);
        Assert.All(met, figure => Assert.Equal(0, figure.GetProperty("value").GetDouble()));
    }

    [Theory]
    [InlineData("--only", "nothing")]
    [InlineData("--percent", "0")]
    public async Task AnOptionThatCannotBeIsAUsageError(params string[] arguments) =>
        Assert.Equal(2, await Run(arguments));

    private static Task<int> Run(params string[] arguments) =>
        BenchProgram.RunAsync(["server", .. arguments], "", new ServerCommand());
}
