using System.Globalization;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;

namespace TorchKv.TestSupport;

/// <summary>
/// What every <see cref="IModelRunner"/> promises: the same steps are accepted, the others refused with the same
/// exceptions and texts, and nothing has changed after a refusal.
/// </summary>
public abstract class RunnerContractTests
{
    private const int Blocks = 8;
    private const float Untouched = 7;

    public static TheoryData<string> Refusals =>
    [
        "no tokens", "id below", "id above", "position below", "few blocks", "block below", "block above",
        "unused block above", "two rows write", "one row writes twice", "another row reads", "the row itself reads", "too many tokens",
        "unknown logits", "little room",
    ];

    public static TheoryData<string, uint> Garbage => new()
    {
        { "NaN", 0xFFFF_FFFF },
        { "infinities of float32", 0x7F80_0000 },
        { "infinities of bfloat16", 0x7F80_7F80 },
    };

    /// <summary>How far numbers may lie apart, absolutely and relative to the expected one; 0: the same bits.</summary>
    protected abstract double Tolerance { get; }

    [Theory]
    [MemberData(nameof(Refusals))]
    public void AnImpossibleStepIsRefusedBeforeAnythingChanges(string refusal)
    {
        using var runner = Small();
        var (size, vocabulary) = (runner.BlockSize, runner.Model.VocabSize);
        var ids = Ids(runner, size + 1);
        RunnerSequence.For(runner, size + 1).Run(ids);
        var before = AllBlocks(runner);
        var good = new RunnerRow(new[] { 5 }, size + 1, new[] { 0, 1 }, LogitsWanted.Last);
        var bad = good with { BlockTable = new[] { 2, 3 } };
        var (row, message) = refusal switch
        {
            "no tokens" => (bad with { Tokens = default }, "Row 1 has no tokens."),
            "id below" => (
                bad with { Tokens = new[] { 1, -1 } }, $"Row 1 has the token id -1; ids are 0 to {vocabulary - 1}."),
            "id above" =>
                (
                    bad with { Tokens = new[] { vocabulary } },
                    $"Row 1 has the token id {vocabulary}; ids are 0 to {vocabulary - 1}."),
            "position below" => (bad with { Position = -1 }, "Row 1 begins at position -1; positions begin at 0."),
            "few blocks" => (
                bad with { Position = 2 * size },
                $"Row 1 needs 3 blocks for {(2 * size) + 1} tokens, but its block table has 2."),
            "block below" => (
                bad with { BlockTable = new[] { 2, -1 } }, "Row 1 names block -1; the pool has blocks 0 to 7."),
            "block above" => (
                bad with { BlockTable = new[] { 2, 8 } }, "Row 1 names block 8; the pool has blocks 0 to 7."),
            "unused block above" => (
                bad with { BlockTable = new[] { 2, 3, 8 } }, "Row 1 names block 8; the pool has blocks 0 to 7."),
            "two rows write" => (bad with { BlockTable = new[] { 2, 1 } }, "Rows 0 and 1 both write block 1."),
            "one row writes twice" => (
                bad with { Tokens = Ids(runner, size + 1), Position = 0, BlockTable = new[] { 2, 2 } },
                "Row 1 has block 2 twice in its block table."),
            "another row reads" =>
                (bad with { BlockTable = new[] { 1, 3 } }, "Row 1 reads block 1, which row 0 writes."),
            "the row itself reads" =>
                (bad with { BlockTable = new[] { 3, 3 } }, "Row 1 has block 3 twice in its block table."),
            "too many tokens" => (
                bad with { Tokens = new int[2 * size], Position = 0 },
                $"Rows 0 to 1 have {(2 * size) + 1} tokens; a step takes at most {2 * size} tokens."),
            "unknown logits" => (
                bad with { Logits = (LogitsWanted)9 },
                "Row 1 asks for logits by the number 9, which is not None, Last or All."),
            _ => (
                bad,
                $"2 positions' logits take {2 * vocabulary} floats, but there is room for {(2 * vocabulary) - 1}."),
        };
        var logits = Buffer(refusal == "little room" ? (2 * vocabulary) - 1 : 3 * size * vocabulary);

        var error = Assert.Throws<ArgumentException>(() => runner.Step([good, row], logits));

        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
        Assert.All(logits, value => Assert.Equal(Untouched, value));
        Assert.Equal(before, AllBlocks(runner));
        runner.Step([good], logits);
        using var other = Small();
        AssertClose(RunnerSequence.For(other, size + 2).Run([.. ids, 5])[^vocabulary..], logits[..vocabulary]);
    }

    /// <summary>Trap: a position past the context length.</summary>
    [Fact]
    public void APositionPastTheContextIsRefusedWithAllNumbers()
    {
        using var runner = Make(blocks: 64, maxTokensPerStep: 64);
        var context = runner.Model.ContextLength;
        var sequence = RunnerSequence.For(runner, context);
        var ids = Ids(runner, context);
        sequence.Run(ids[..^2]);
        var before = AllBlocks(runner);
        var logits = Buffer(runner.Model.VocabSize);

        var error = Assert.Throws<ContextLengthException>(
            () => runner.Step(
                [new RunnerRow(new[] { 1, 2, 3 }, context - 2, sequence.Blocks, LogitsWanted.Last)], logits));

        Assert.Equal((context - 2, 3, context), (error.Used, error.Requested, error.Capacity));
        Assert.All(logits, value => Assert.Equal(Untouched, value));
        Assert.Equal(before, AllBlocks(runner));
        var last = sequence.Run(ids[^2..]);
        using var other = Make(blocks: 64, maxTokensPerStep: 64);
        AssertClose(RunnerSequence.For(other, context).Run(ids)[^last.Length..], last);
    }

    [Fact]
    public void AStepWithoutRowsDoesNothing()
    {
        using var runner = Small();
        RunnerSequence.For(runner, runner.BlockSize).Run(Ids(runner, runner.BlockSize));
        var before = AllBlocks(runner);
        var logits = Buffer(5);
        runner.Step([], []);
        runner.Step([], logits);
        Assert.All(logits, value => Assert.Equal(Untouched, value));
        Assert.Equal(before, AllBlocks(runner));
    }

    [Fact]
    public void OnlyTheLogitsThatWereAskedForAreWritten()
    {
        using var runner = Small();
        var (size, vocabulary) = (runner.BlockSize, runner.Model.VocabSize);
        var ids = Ids(runner, 3);
        var expected = new RunnerSequence(runner, 7).Run(ids);
        var logits = Buffer(6 * vocabulary);
        runner.Step(
            [
                new RunnerRow(Ids(runner, size - 1), 0, new[] { 4 }, LogitsWanted.None),
                new RunnerRow(ids, 0, new[] { 1 }, LogitsWanted.Last),
                new RunnerRow(ids.AsMemory(0, 2), 0, new[] { 0, 6 }, LogitsWanted.All),
            ],
            logits);
        AssertClose(expected[(2 * vocabulary)..(3 * vocabulary)], logits[..vocabulary]);
        AssertClose(expected[..(2 * vocabulary)], logits[vocabulary..(3 * vocabulary)]);
        Assert.All(logits[(3 * vocabulary)..], value => Assert.Equal(Untouched, value));
    }

    [Fact]
    public void RowsOverSharedBlocksGetWhatEachGetsAlone()
    {
        using var runner = Small();
        var (size, vocabulary) = (runner.BlockSize, runner.Model.VocabSize);
        var shared = Ids(runner, size);
        runner.Step([new RunnerRow(shared, 0, new[] { 3 }, LogitsWanted.None)], []);
        var logits = new float[3 * vocabulary];
        runner.Step(
            [
                new RunnerRow(new[] { 1, 2 }, size, new[] { 3, 0 }, LogitsWanted.All),
                new RunnerRow(new[] { 3 }, size, new[] { 3, 5 }, LogitsWanted.Last),
            ],
            logits);
        using var alone = Small();
        var first = RunnerSequence.For(alone, 2 * size).Run([.. shared, 1, 2]);
        AssertClose(first[(size * vocabulary)..], logits[..(2 * vocabulary)]);
        AssertClose(
            RunnerSequence.For(alone, 2 * size).Run([.. shared, 3])[(size * vocabulary)..], logits[(2 * vocabulary)..]);
    }

    [Fact]
    public void ABlockCopiedOrWrittenBackKeepsItsContent()
    {
        using var runner = Small();
        var size = runner.BlockSize;
        var ids = Ids(runner, size + 4);
        var expected = new float[runner.Model.VocabSize];
        var actual = new float[expected.Length];
        runner.Step([new RunnerRow(ids, 0, new[] { 0, 1 }, LogitsWanted.Last)], expected);

        runner.CopyBlock(1, 2);
        runner.Step([new RunnerRow(ids.AsMemory(size + 3), size + 3, new[] { 0, 2 }, LogitsWanted.Last)], actual);
        AssertClose(expected, actual);

        var saved = new byte[runner.BytesPerBlock];
        runner.ReadBlock(0, saved);
        runner.WriteBlock(4, saved);
        var again = new byte[runner.BytesPerBlock];
        runner.ReadBlock(4, again);
        Assert.Equal(saved, again);
        runner.Step([new RunnerRow(ids.AsMemory(size + 3), size + 3, new[] { 4, 2 }, LogitsWanted.Last)], actual);
        AssertClose(expected, actual);
    }

    [Fact]
    public void MissingBlocksAndBuffersOfAnotherSizeAreRefused()
    {
        using var runner = Small();
        var bytes = new byte[runner.BytesPerBlock];
        var before = AllBlocks(runner);
        var missing = "The pool has blocks 0 to 7.";
        Assert.StartsWith(missing, Assert.Throws<ArgumentOutOfRangeException>(() => runner.CopyBlock(0, 8)).Message);
        Assert.StartsWith(missing, Assert.Throws<ArgumentOutOfRangeException>(() => runner.CopyBlock(-1, 0)).Message);
        Assert.StartsWith(
            missing, Assert.Throws<ArgumentOutOfRangeException>(() => runner.ReadBlock(8, bytes)).Message);
        Assert.StartsWith(
            missing, Assert.Throws<ArgumentOutOfRangeException>(() => runner.WriteBlock(-1, bytes)).Message);
        var other = string.Create(CultureInfo.InvariantCulture, $"A block has {bytes.Length} bytes, not ");
        Assert.StartsWith(other, Assert.Throws<ArgumentException>(() => runner.ReadBlock(0, bytes.AsSpan(1))).Message);
        Assert.StartsWith(
            other, Assert.Throws<ArgumentException>(() => runner.WriteBlock(0, new byte[bytes.Length + 1])).Message);
        Assert.Equal(before, AllBlocks(runner));
    }

    [Fact]
    public void AStepThatIsCancelledBeforehandChangesNothing()
    {
        using var runner = Small();
        var before = AllBlocks(runner);
        var logits = Buffer(runner.Model.VocabSize);
        var row = new RunnerRow(new[] { 1 }, 0, new[] { 0 }, LogitsWanted.Last);
        Assert.ThrowsAny<OperationCanceledException>(
            () => runner.Step([row], logits, new CancellationToken(canceled: true)));
        Assert.All(logits, value => Assert.Equal(Untouched, value));
        Assert.Equal(before, AllBlocks(runner));
    }

    [Fact]
    public void ADisposedRunnerSaysSo()
    {
        var runner = Small();
        var bytes = new byte[runner.BytesPerBlock];
        runner.Dispose();
        runner.Dispose();
        var row = new RunnerRow(new[] { 1 }, 0, new[] { 0 }, LogitsWanted.None);
        Assert.Throws<ObjectDisposedException>(() => runner.Step([row], []));
        Assert.Throws<ObjectDisposedException>(() => runner.CopyBlock(0, 1));
        Assert.Throws<ObjectDisposedException>(() => runner.ReadBlock(0, bytes));
        Assert.Throws<ObjectDisposedException>(() => runner.WriteBlock(0, bytes));
    }

    /// <summary>Trap: 0 · NaN. What an earlier owner left in a block must not reach the next one.</summary>
    [Theory]
    [MemberData(nameof(Garbage))]
    public void SlotsPastARowsLastTokenTakeNoPart(string what, uint pattern)
    {
        using var runner = Small();
        using var fresh = Small();
        var (size, vocabulary) = (runner.BlockSize, runner.Model.VocabSize);
        var left = new byte[runner.BytesPerBlock];
        for (var i = 0; i + sizeof(uint) <= left.Length; i += sizeof(uint))
        {
            BitConverter.TryWriteBytes(left.AsSpan(i), pattern);
        }

        for (var block = 0; block < Blocks; block++)
        {
            runner.WriteBlock(block, left);
        }

        // A prompt in pieces, and beside it single tokens of sequences of other lengths
        var ids = Ids(runner, size + 3);
        (int, int)[] pieces = [(0, 2), (2, size - 1), (size - 1, size), (size, size + 1), (size + 1, size + 3)];
        foreach (var (from, to) in pieces)
        {
            var (actual, expected) = (new float[(to - from + 2) * vocabulary], new float[(to - from + 2) * vocabulary]);
            RunnerRow[] rows =
            [
                new RunnerRow(ids.AsMemory(from, to - from), from, new[] { 6, 1 }, LogitsWanted.All),
                new RunnerRow(new[] { 9 }, 0, new[] { 2 }, LogitsWanted.Last),
                new RunnerRow(new[] { 8 }, 0, new[] { 5 }, LogitsWanted.Last),
            ];
            runner.Step(rows, actual);
            fresh.Step(rows, expected);
            Assert.All(actual, value => Assert.True(float.IsFinite(value), what));
            Assert.Equal(expected, actual);
        }
    }

    /// <summary>
    /// A runner over one small model, always the same: a context of 64 tokens or less that is a multiple of a block.
    /// </summary>
    protected abstract IModelRunner Make(int blocks, int maxTokensPerStep);

    private IModelRunner Small()
    {
        using var sizes = Make(Blocks, maxTokensPerStep: 64);
        return Make(Blocks, 2 * sizes.BlockSize);
    }

    private static int[] Ids(IModelRunner runner, int count)
    {
        var random = new Random(count);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(runner.Model.VocabSize))];
    }

    private static float[] Buffer(int count) => [.. Enumerable.Repeat(Untouched, count)];

    private static byte[] AllBlocks(IModelRunner runner)
    {
        var bytes = new byte[runner.BytesPerBlock * runner.BlockCount];
        for (var block = 0; block < runner.BlockCount; block++)
        {
            runner.ReadBlock(block, bytes.AsSpan(block * runner.BytesPerBlock, runner.BytesPerBlock));
        }

        return bytes;
    }

    private void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual) =>
        Close.To(expected, actual, "logits", Tolerance, Tolerance);
}
