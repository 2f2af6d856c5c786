using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Cpu;

[Trait("speed", "fast")]
public sealed class CpuRunnerOptionsTests
{
    private static readonly string Folder = RepositoryFiles.Fixture("hf", "gelu-new");

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
            new() { PoolBytes = 0 },
            new() { PoolBytes = 1000 },
            new() { PoolBytes = 1 << 20, BlockCount = 3 },
        ];
        Assert.Equal(
            [
                "DType", "KvDType", "Threads", "Threads", "BlockCount", "MaxTokensPerStep", "MaxTokensPerStep",
                "PoolBytes", "PoolBytes", "PoolBytes",
            ],
            bad.Select(options => Assert.Throws<OptionException>(() => CpuRunner.Load(Folder, options)).Option));
    }

    [Theory]
    [InlineData(CpuDType.Float32)]
    [InlineData(CpuDType.BFloat16)]
    public void APoolInBytesHasTheBlocksThatFit(CpuDType dtype)
    {
        using var one = CpuRunner.Load(Folder, new CpuRunnerOptions { KvDType = dtype, BlockCount = 1 });
        var bytes = (5L * one.BytesPerBlock) - 1;
        using var runner = CpuRunner.Load(Folder, new CpuRunnerOptions { KvDType = dtype, PoolBytes = bytes });
        Assert.Equal(4, runner.BlockCount);
    }

    [Fact]
    public void LoadingEndsWhereItIsCancelled()
    {
        using var checkpoint = Checkpoint.Open(Folder);
        var cancelled = new CancellationToken(canceled: true);
        Assert.ThrowsAny<OperationCanceledException>(() => CpuRunner.Load(checkpoint, cancellationToken: cancelled));
        Assert.ThrowsAny<OperationCanceledException>(() => CpuRunner.Load(Folder, cancellationToken: cancelled));
    }

    [Fact]
    public void MoreTokensAStepThanManyHeadsAllowAreRefused()
    {
        using var folder = new TemporaryFolder();
        FormulaCheckpoint.Write(
            folder.Path,
            new Gpt2Config
            {
                VocabSize = 40,
                ContextLength = 32,
                EmbeddingSize = 130,
                HeadCount = 130,
                LayerCount = 1,
                InnerSize = 8,
                EosTokenIds = [],
                BosTokenId = null,
            });
        var error = Assert.Throws<OptionException>(
            () => CpuRunner.Load(folder.Path, new CpuRunnerOptions { MaxTokensPerStep = 65_536 }));
        Assert.Equal("MaxTokensPerStep", error.Option);
        Assert.Contains("130 heads", error.Message, StringComparison.Ordinal);
    }
}
