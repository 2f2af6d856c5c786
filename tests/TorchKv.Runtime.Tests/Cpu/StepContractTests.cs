using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Paging;
using TorchKv.TestSupport;
using TorchKv.Testing;

namespace TorchKv.Runtime.Tests.Cpu;

/// <summary>What a step refuses, and that nothing has changed when it does.</summary>
public sealed class StepContractTests
{
    private static readonly string Folder = RepositoryFiles.Fixture("hf", "gelu-new");

    public static TheoryData<string> Refusals =>
        ["no rows", "no tokens", "id below", "id above", "position below", "few blocks", "block below", "block above", "same block twice", "too many tokens", "little room"];

    [Theory]
    [MemberData(nameof(Refusals))]
    public void AStepThatCannotBeServedIsRefusedBeforeAnythingChanges(string refusal)
    {
        using var runner = CpuRunner.Load(Folder, new CpuRunnerOptions { BlockCount = 8, MaxTokensPerStep = 20 });
        var vocabulary = runner.Config.VocabSize;
        int[] ids = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17];
        var sequence = RunnerSequence.For(runner, 40);
        sequence.Run(ids);
        var before = Blocks(runner);
        var good = new RunnerRow(new[] { 5 }, 17, new[] { 0, 1 }, LogitsWanted.Last);
        var bad = good with { BlockTable = new[] { 2, 3 } };
        RunnerRow[] rows = refusal switch
        {
            "no rows" => [],
            "no tokens" => [good, bad with { Tokens = default }],
            "id below" => [good, bad with { Tokens = new[] { 1, -1 } }],
            "id above" => [good, bad with { Tokens = new[] { vocabulary } }],
            "position below" => [good, bad with { Position = -1 }],
            "few blocks" => [good, bad with { Position = 32 }],
            "block below" => [good, bad with { BlockTable = new[] { 2, -1 } }],
            "block above" => [good, bad with { BlockTable = new[] { 2, 8 } }],
            "same block twice" => [good, bad with { BlockTable = new[] { 2, 1 } }],
            "too many tokens" => [good, bad with { Tokens = new int[20], Position = 0 }],
            _ => [good, bad],
        };
        var logits = Enumerable.Repeat(7f, refusal == "little room" ? (2 * vocabulary) - 1 : 40 * vocabulary).ToArray();
        Assert.ThrowsAny<ArgumentException>(() => runner.Step(rows, logits));
        Assert.All(logits, value => Assert.Equal(7f, value));
        Assert.Equal(before, Blocks(runner));

        runner.Step([good], logits);
        using var other = CpuRunner.Load(Folder);
        Assert.Equal(RunnerSequence.For(other, 18).Run([.. ids, 5])[^vocabulary..], logits[..vocabulary]);
    }

    /// <summary>Trap: a position past the context length.</summary>
    [Fact]
    public void APositionPastTheContextIsRefusedWithUsedRequestedAndCapacity()
    {
        using var runner = CpuRunner.Load(Folder);
        var sequence = RunnerSequence.For(runner, 64);
        var ids = Models.Ids(runner.Config, 64, new Random(1));
        sequence.Run(ids[..62]);
        var before = Blocks(runner);
        var logits = new float[runner.Config.VocabSize];
        var error = Assert.Throws<ContextLengthException>(
            () => runner.Step([new RunnerRow(new[] { 1, 2, 3 }, 62, sequence.Blocks, LogitsWanted.Last)], logits));
        Assert.Equal((62, 3, 64), (error.Used, error.Requested, error.Capacity));
        Assert.Equal(before, Blocks(runner));
        var last = sequence.Run(ids[62..]);
        Assert.Equal(RunnerSequence.For(runner, 64, 8).Run(ids)[^last.Length..], last);
    }

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
            bad.Select(options => Assert.Throws<OptionException>(() => CpuRunner.Load(Folder, options)).Option));
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

    [Fact]
    public void BlocksThatAreNotThereAndBuffersOfAnotherSizeAreRefused()
    {
        using var runner = CpuRunner.Load(Folder, new CpuRunnerOptions { BlockCount = 4 });
        var bytes = new byte[runner.BytesPerBlock];
        Assert.Throws<ArgumentOutOfRangeException>(() => runner.CopyBlock(0, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => runner.CopyBlock(-1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => runner.ReadBlock(4, bytes));
        Assert.Throws<ArgumentException>(() => runner.ReadBlock(0, bytes.AsSpan(1)));
        Assert.Throws<ArgumentException>(() => runner.WriteBlock(0, new byte[bytes.Length + 1]));
    }

    private static byte[] Blocks(CpuRunner runner)
    {
        var bytes = new byte[runner.BytesPerBlock * runner.BlockCount];
        for (var block = 0; block < runner.BlockCount; block++)
        {
            runner.ReadBlock(block, bytes.AsSpan(block * runner.BytesPerBlock, runner.BytesPerBlock));
        }

        return bytes;
    }
}
