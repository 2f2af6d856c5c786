using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.TestSupport;
using TorchKv.Testing;

namespace TorchKv.Runtime.Tests.Cpu;

public sealed class CpuRunnerOptionsTests
{
    [Fact]
    public void OptionsOutOfRangeAreRefusedByName()
    {
        CpuRunnerOptions[] bad =
        [
            new() { DType = (CpuDType)9 },
            new() { KvDType = CpuDType.Int8 },
            new() { Threads = -1 },
            new() { Threads = 100_000 },
            new() { BlockCount = -1 },
            new() { MaxTokensPerStep = 0 },
            new() { MaxTokensPerStep = int.MaxValue },
        ];
        Assert.Equal(
            ["DType", "KvDType", "Threads", "Threads", "BlockCount", "MaxTokensPerStep", "MaxTokensPerStep"],
            bad.Select(options => Assert.Throws<OptionException>(() => CpuRunner.Load(RepositoryFiles.Fixture("hf", "gelu-new"), options)).Option));
    }

    [Fact]
    public void MoreTokensAStepThanAModelOfManyHeadsCanCountAreRefused()
    {
        using var folder = new TemporaryFolder();
        FormulaCheckpoint.Write(folder.Path, new Gpt2Config { VocabSize = 40, ContextLength = 32, EmbeddingSize = 130, HeadCount = 130, LayerCount = 1, InnerSize = 8, EosTokenIds = [], BosTokenId = null });
        var error = Assert.Throws<OptionException>(() => CpuRunner.Load(folder.Path, new CpuRunnerOptions { MaxTokensPerStep = 65_536 }));
        Assert.Equal("MaxTokensPerStep", error.Option);
        Assert.Contains("130 heads", error.Message, StringComparison.Ordinal);
    }
}
