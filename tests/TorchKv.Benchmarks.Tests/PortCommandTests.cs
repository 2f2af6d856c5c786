using System.Text.Json;
using System.Xml.Linq;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Benchmarks.Port;
using TorchKv.Runtime.Configuration;
using TorchKv.Testing;
using TorchKv.TestSupport;
using TorchSharp;

namespace TorchKv.Benchmarks.Tests;

public class PortCommandTests
{
    private static readonly Gpt2Config s_config = new()
    {
        VocabSize = 97,
        ContextLength = 48,
        EmbeddingSize = 32,
        LayerCount = 2,
        HeadCount = 4,
        BosTokenId = null,
        EosTokenIds = [],
    };

    private static Task<int> Run(params string[] arguments) =>
        BenchProgram.RunAsync(["port", .. arguments], "", new PortCommand());

    [Fact]
    public async Task TheCommandRunsOnTheCpuAndWritesItsReport()
    {
        using var folder = new TemporaryFolder();
        FormulaCheckpoint.Write(folder["model"], s_config);
        Assert.Equal(0, await Run(
            "--device", "cpu", "--dtype", "float32", "--model", folder["model"], "--quick", "--batch", "2",
            "--prompt", "9",
            "--json", folder["port.json"], "--plot", folder["port.svg"]));
        using var report = JsonDocument.Parse(File.ReadAllText(folder["port.json"]));
        var rows = report.RootElement.GetProperty("rows").EnumerateArray().ToList();
        Assert.Equal(PortShapes.Caches, rows.Select(row => row.GetProperty("cache").GetString()));
        Assert.All(rows, row => Assert.True(row.GetProperty("port_tokens_per_second").GetDouble() > 0));
        Assert.Contains("libtorch", report.RootElement.GetProperty("port").GetString(), StringComparison.Ordinal);
        Assert.Equal("svg", XDocument.Parse(File.ReadAllText(folder["port.svg"])).Root!.Name.LocalName);
    }

    [Fact]
    public async Task AMissingDeviceIsAFailureInOneLine()
    {
        Assert.SkipWhen(torch.cuda.is_available(), "there is CUDA here");
        using var folder = new TemporaryFolder();
        FormulaCheckpoint.Write(folder["model"], s_config);
        Assert.Equal(1, await Run("--device", "cuda", "--model", folder["model"]));
    }

    [Theory]
    [InlineData("--threads", "0")]
    [InlineData("--cache", "ring")]
    [InlineData("--dtype", "int8")]
    [InlineData("--batch", "1,0")]
    [InlineData("--json", "/nowhere/port.json")]
    [InlineData("--sessions", "3")]
    public async Task AnOptionOutsideItsLimitsIsRefused(string option, string value) =>
        Assert.Equal(2, await Run(option, value));
}
