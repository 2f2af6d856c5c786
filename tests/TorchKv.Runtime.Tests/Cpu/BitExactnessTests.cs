using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.Runtime.Model;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Cpu;

/// <summary>
/// A sequence's logits are the same bits for every batch, split of the prompt, number of threads and vector width.
/// Models and batches are random.
/// </summary>
public sealed class BitExactnessTests
{
    /// <summary>Every dtype of weights, both dtypes of keys and values, and models of several shapes.</summary>
    public static TheoryData<CpuDType, CpuDType, int> Kinds
    {
        get
        {
            var data = new TheoryData<CpuDType, CpuDType, int>();
            foreach (var dtype in Enum.GetValues<CpuDType>())
            {
                for (var seed = 0; seed < 3; seed++)
                {
                    data.Add(dtype, seed % 2 == 0 ? CpuDType.Float32 : CpuDType.BFloat16, (10 * (int)dtype) + seed);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void APromptInPiecesGivesAWholePromptsBits(CpuDType dtype, CpuDType kv, int seed)
    {
        using var models = new Models(seed);
        using var runner = models.Load(new CpuRunnerOptions { DType = dtype, KvDType = kv, Threads = 2 });
        var random = new Random(seed);
        for (var trial = 0; trial < 8; trial++)
        {
            var ids = Models.Ids(models.Config, random.Next(1, models.Config.ContextLength + 1), random);
            var whole = RunnerSequence.For(runner, ids.Length).Run(ids);
            var pieces = new List<int>();
            while (pieces.Sum() < ids.Length)
            {
                pieces.Add(random.Next(1, trial < 4 ? 20 : 3));
            }

            Equal(whole, RunnerSequence.For(runner, ids.Length, 8).Run(ids, [.. pieces]));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void ARandomBatchGivesTheBitsOfEachSequence(CpuDType dtype, CpuDType kv, int seed)
    {
        using var models = new Models(seed);
        var options = new CpuRunnerOptions { DType = dtype, KvDType = kv, BlockCount = 200, MaxTokensPerStep = 130 };
        using var alone = models.Load(options with { Threads = 1 });
        using var batched = models.Load(options with { Threads = 3 });
        var random = new Random(seed);
        var vocabulary = models.Config.VocabSize;

        // The blocks are in random order, so that a sequence's blocks are not neighbours. Every step has its rows in a
        // new random order.
        var blocks = Enumerable.Range(0, 200).ToArray();
        random.Shuffle(blocks);
        var texts = Enumerable.Range(0, 20)
            .Select(_ => Models.Ids(models.Config, random.Next(1, models.Config.ContextLength + 1), random))
            .ToArray();
        var sequences = texts.Select((_, i) => new RunnerSequence(batched, blocks[(i * 9)..((i + 1) * 9)])).ToArray();
        var expected = texts.Select(ids => RunnerSequence.For(alone, ids.Length).Run(ids)).ToArray();
        var waiting = Enumerable.Range(0, texts.Length).ToArray();
        while (waiting.Length > 0)
        {
            random.Shuffle(waiting);
            var rows = new List<RunnerRow>();
            var checks = new List<(int Text, int Start, int Count)>();
            var room = batched.MaxTokensPerStep;
            foreach (var i in waiting)
            {
                var start = sequences[i].Position;
                var length = random.Next(3) == 0 ? random.Next(1, 60) : 1;
                var count = Math.Min(length, Math.Min(room, texts[i].Length - start));
                if (count > 0)
                {
                    var wanted = (LogitsWanted)random.Next(3);
                    rows.Add(sequences[i].Next(texts[i].AsMemory(start, count), wanted));
                    room -= count;
                    var logits = wanted switch { LogitsWanted.All => count, LogitsWanted.Last => 1, _ => 0 };
                    checks.Add((i, start + count - logits, logits));
                }
            }

            var output = new float[checks.Sum(check => check.Count) * vocabulary];
            batched.Step([.. rows], output);
            var at = 0;
            foreach (var (text, start, count) in checks)
            {
                var floats = count * vocabulary;
                Equal(expected[text].AsSpan(start * vocabulary, floats), output.AsSpan(at, floats));
                at += floats;
            }

            waiting = [.. waiting.Where(i => sequences[i].Position < texts[i].Length)];
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void AnyThreadCountAndVectorWidthGiveTheSameBits(CpuDType dtype, CpuDType kv, int seed)
    {
        using var models = new Models(seed);
        var options = new CpuRunnerOptions { DType = dtype, KvDType = kv };
        var random = new Random(seed);
        var ids = Models.Ids(models.Config, models.Config.ContextLength, random);
        int[] pieces = [ids.Length - 9, 1, 1, 3, 1];
        using var first = models.Load(options with { Threads = 1, VectorWidth = VectorWidth.Scalar });
        var expected = RunnerSequence.For(first, ids.Length).Run(ids, pieces);
        foreach (var threads in new[] { 1, 2, 3, 8 })
        {
            using var runner = models.Load(options with { Threads = threads });
            Equal(expected, RunnerSequence.For(runner, ids.Length).Run(ids, pieces));
        }

        foreach (var width in Enum.GetValues<VectorWidth>().Where(width => width <= KernelSet.Widest))
        {
            using var runner = models.Load(options with { Threads = 2, VectorWidth = width });
            Equal(expected, RunnerSequence.For(runner, ids.Length).Run(ids, pieces));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void OldContentsOfBlocksDoNotChangeLogits(CpuDType dtype, CpuDType kv, int seed)
    {
        using var models = new Models(seed);
        using var runner = models.Load(new CpuRunnerOptions { DType = dtype, KvDType = kv, Threads = 2 });
        var random = new Random(seed);
        var ids = Models.Ids(models.Config, 37, random);
        var fresh = RunnerSequence.For(runner, ids.Length).Run(ids, 20);

        // Fill the blocks with NaN and with huge numbers. Keys and values past a query's position must have no effect.
        var garbage = new byte[runner.BytesPerBlock];
        foreach (var fill in new byte[] { 0xFF, 0x7F })
        {
            garbage.AsSpan().Fill(fill);
            for (var block = 0; block < 3; block++)
            {
                runner.WriteBlock(block, garbage);
            }

            Equal(fresh, RunnerSequence.For(runner, ids.Length).Run(ids, 20));
        }
    }

    [Fact]
    public void BlocksMovedToAnotherRunnerGiveTheSameBits()
    {
        using var models = new Models(5);
        using var runner = models.Load(new CpuRunnerOptions { KvDType = CpuDType.BFloat16 });
        using var other = models.Load(new CpuRunnerOptions { KvDType = CpuDType.BFloat16 });
        var ids = Models.Ids(models.Config, 50, new Random(5));
        var vocabulary = models.Config.VocabSize;
        var whole = RunnerSequence.For(runner, ids.Length).Run(ids);

        var bytes = new byte[runner.BytesPerBlock];
        for (var block = 0; block < 3; block++)
        {
            runner.ReadBlock(block, bytes);
            other.WriteBlock(10 - block, bytes);
            other.CopyBlock(10 - block, 20 + block);
        }

        var logits = new float[(ids.Length - 41) * vocabulary];
        other.Step([new RunnerRow(ids.AsMemory(41), 41, new[] { 20, 21, 22, 23 }, LogitsWanted.All)], logits);
        Equal(whole.AsSpan(41 * vocabulary), logits);
    }

    private static void Equal(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            var same = BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(actual[i]);
            if (!same || !float.IsFinite(actual[i]))
            {
                Assert.Fail($"element {i} of {expected.Length}: {expected[i]:R} and {actual[i]:R}");
            }
        }
    }
}
