using System.Globalization;
using TorchKv.Loading;
using TorchKv.Models;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Tests.Loading;

/// <summary>Alone, because it measures the whole process.</summary>
[Collection(nameof(TorchGenerator))]
public class MemoryTests
{
    [Theory]
    [InlineData(TensorDType.Float32)]
    [InlineData(TensorDType.BFloat16)]
    public void LoadingHoldsOneCopyOfTheWeights(TensorDType dtype)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Peak memory is read from /proc.");
        using var folder = new TemporaryFolder();
        var config = new Gpt2Config { VocabSize = 20_000, ContextLength = 256, EmbeddingSize = 512, HeadCount = 8, LayerCount = 6, InnerSize = 2048, BosTokenId = 0, EosTokenIds = [0] };
        FormulaCheckpoint.Write(folder.Path, config, dtype);
        var float32 = config.ParameterCount * sizeof(float);
        GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "gelu-new")).Dispose();
        GC.Collect();

        var before = Kilobytes("VmRSS");
        ResetPeak();
        using var model = GPTModel.from_pretrained(folder.Path);
        var peak = (Kilobytes("VmHWM") - before) * 1024;
        // No lower bound: what earlier tests freed may still be resident, and is used again.
        Assert.True(peak <= float32 * 1.15, $"{peak} bytes on top for {float32} bytes of weights.");
    }

    private static void ResetPeak() => File.WriteAllText("/proc/self/clear_refs", "5");

    private static long Kilobytes(string field) => long.Parse(
        File.ReadLines("/proc/self/status").First(line => line.StartsWith(field + ":", StringComparison.Ordinal)).Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture);
}
