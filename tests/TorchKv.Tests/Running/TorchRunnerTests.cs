using TorchKv.Loading;
using TorchKv.Models;
using TorchKv.Running;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;
using TorchKv.TestSupport;
using static TorchSharp.torch;

namespace TorchKv.Tests.Running;

/// <summary>The runner against HuggingFace's recordings and against the port alone.</summary>
public class TorchRunnerTests
{
    public static TheoryData<string> Cases => [.. HuggingFaceCase.Names];

    [Theory]
    [MemberData(nameof(Cases))]
    public void LogitsOfWholePromptsAreHuggingFaces(string name)
    {
        using var scope = NewDisposeScope();
        var golden = HuggingFaceCase.Load(name);
        using var runner = Load(name, blocks: 8);
        var rows = golden.Ids("batch_ids");
        var logits = new float[2 * 16 * runner.Config.VocabSize];
        runner.Step(
            [new(rows[0], 0, new[] { 5 }, LogitsWanted.All), new(rows[1], 0, new[] { 2 }, LogitsWanted.All)], logits);
        Close.To(golden.Tensors["full.logits"].Values, logits, "full.logits");
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void GreedyTokensFromChunksAndDecodeAreHuggingFaces(string name)
    {
        var golden = HuggingFaceCase.Load(name);
        using var runner = Load(name, blocks: 4);
        var ids = golden.Ids("prompt_ids")[0].ToList();
        int[] table = [3, 1];
        var logits = new float[runner.Config.VocabSize];
        runner.Step([new(ids.ToArray().AsMemory(0, 4), 0, table, LogitsWanted.None)], []);
        runner.Step([new(ids.ToArray().AsMemory(4), 4, table, LogitsWanted.Last)], logits);
        for (var n = 0; n < 24; n++)
        {
            ids.Add(logits.AsSpan().IndexOf(logits.Max()));
            if (n < 23)
            {
                runner.Step([new(new[] { ids[^1] }, ids.Count - 1, table, LogitsWanted.Last)], logits);
            }
        }

        Assert.Equal(HuggingFaceCase.Rows(golden.Golden.GetProperty("greedy").GetProperty("sequences"))[0], ids);
    }

    [Theory]
    [InlineData("gelu-new", 1)]
    [InlineData("one-head", 2)]
    [InlineData("inverse-layer-scale", 3)]
    public void RowsInRandomMixturesGiveWhatEachGivesAlone(string name, int seed)
    {
        using var scope = NewDisposeScope();
        using var mode = inference_mode();
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", name));
        using var runner = new TorchRunner(model, blockCount: 40);
        var random = new Random(seed);
        var vocab = runner.Config.VocabSize;
        var free = new Queue<int>(Enumerable.Range(0, 40).OrderBy(_ => random.Next()));
        var sequences = new List<Sequence>();
        for (var step = 0; step < 60; step++)
        {
            while (sequences.Count < 6)
            {
                sequences.Add(
                    new Sequence([.. Enumerable.Range(0, random.Next(2, 60)).Select(_ => random.Next(vocab))]));
            }

            var taken = sequences.Where(_ => random.Next(4) > 0).OrderBy(_ => random.Next()).ToList();
            var rows = new List<RunnerRow>();
            foreach (var sequence in taken)
            {
                var left = sequence.Ids.Length - sequence.Done;
                var count = random.Next(2) == 0 ? 1 : random.Next(1, left + 1);
                while (sequence.Table.Count * 16 < sequence.Done + count)
                {
                    sequence.Table.Add(free.Dequeue());
                }

                rows.Add(
                    new(
                        sequence.Ids.AsMemory(sequence.Done, count),
                        sequence.Done,
                        sequence.Table.ToArray(),
                        (LogitsWanted)random.Next(3)));
            }

            var wanted = rows.Sum(
                row => row.Logits switch { LogitsWanted.None => 0, LogitsWanted.Last => 1, _ => row.Tokens.Length });
            var logits = new float[wanted * vocab];
            runner.Step([.. rows], logits);
            var at = 0;
            foreach (var (sequence, row) in taken.Zip(rows))
            {
                sequence.Done += row.Tokens.Length;
                var first = row.Logits == LogitsWanted.All ? row.Position : sequence.Done - 1;
                if (row.Logits != LogitsWanted.None)
                {
                    var alone = model.forward(
                        tensor(sequence.Ids[..sequence.Done], [1, sequence.Done], dtype: ScalarType.Int64));
                    var expected = Close.Values(alone.narrow(1, first, sequence.Done - first));
                    Close.To(
                        expected,
                        logits.AsSpan(at, expected.Length),
                        $"step {step}, row at {row.Position} of {row.Tokens.Length}");
                    at += expected.Length;
                }

                if (sequence.Done == sequence.Ids.Length)
                {
                    sequence.Table.ForEach(free.Enqueue);
                    sequences.Remove(sequence);
                }
            }

            Assert.Equal(logits.Length, at);
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32, null, 4)]
    [InlineData(ScalarType.Float32, ScalarType.BFloat16, 2)]
    [InlineData(ScalarType.BFloat16, null, 2)]
    public void KeysAndValuesHaveTheWeightsDtypeUnlessAsked(ScalarType weights, ScalarType? kv, int elementBytes)
    {
        var folder = RepositoryFiles.Fixture("hf", "gelu-new");
        var options = new TorchRunnerOptions { BlockCount = 4, DType = weights, KvDType = kv };
        using var runner = TorchRunner.Load(folder, options);
        Assert.Equal((weights, kv ?? weights), (runner.DType, runner.KvDType));
        Assert.Equal(2 * 3 * 48 * 16 * elementBytes, runner.BytesPerBlock);

        using var exact = TorchRunner.Load(folder, new TorchRunnerOptions { BlockCount = 4 });
        int[] ids = [.. Enumerable.Range(1, 20)];
        var tolerance = weights == ScalarType.BFloat16 ? 0.3 : kv is null ? 0 : 0.03;
        Close.To(
            RunnerSequence.For(exact, 20).Run(ids, 17),
            RunnerSequence.For(runner, 20).Run(ids, 17),
            "logits",
            tolerance,
            tolerance);
    }

    [Fact]
    public void KeysAndValuesAreGivenAsNumbers()
    {
        var golden = HuggingFaceCase.Load("gelu-new");
        using var runner = Load("gelu-new", blocks: 8);
        var rows = golden.Ids("batch_ids");
        int[] table = [6];
        runner.Step([new(rows[1], 0, table, LogitsWanted.None)], []);
        for (var layer = 0; layer < 3; layer++)
        {
            var (keys, values) = (new float[4 * 16 * 12], new float[4 * 16 * 12]);
            runner.ReadKeysAndValues(layer, table, 16, keys, values);
            Close.To(golden.Tensors[$"full.cache_k.{layer}"].Row(1), keys, $"keys of layer {layer}");
            Close.To(golden.Tensors[$"full.cache_v.{layer}"].Row(1), values, $"values of layer {layer}");
        }

        Assert.Throws<ArgumentOutOfRangeException>(
            () => runner.ReadKeysAndValues(3, table, 16, new float[768], new float[768]));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => runner.ReadKeysAndValues(0, table, 17, new float[816], new float[816]));
    }

    [Fact]
    public void ACancelledStepEndsBetweenLayersAndLeavesOthersUnchanged()
    {
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "gelu-new"));
        using var runner = new TorchRunner(model, blockCount: 8);
        var kept = RunnerSequence.For(runner, 20);
        int[] ids = [.. Enumerable.Range(1, 20)];
        kept.Run(ids[..19]);
        using var cancel = new CancellationTokenSource();
        var layers = new List<int>();
        for (var layer = 0; layer < 3; layer++)
        {
            var number = layer;
            model.trf_blocks[layer].norm1.register_forward_hook((_, _, output) =>
            {
                layers.Add(number);
                if (number == 1)
                {
                    cancel.Cancel();
                }

                return output;
            });
        }

        var logits = new float[runner.Config.VocabSize];
        Assert.Throws<OperationCanceledException>(
            () => runner.Step([new(ids, 0, new[] { 5, 6 }, LogitsWanted.Last)], logits, cancel.Token));
        Assert.Equal([0, 1], layers);
        using var other = Load("gelu-new", blocks: 2);
        var expected = RunnerSequence.For(other, 20).Run(ids, 19)[^logits.Length..];
        Assert.Equal(expected, kept.Run(ids[19..]));
        runner.Step([new(ids, 0, new[] { 5, 6 }, LogitsWanted.Last)], logits);
        Close.To(expected, logits, "the cancelled step again");
    }

    [Theory]
    [InlineData("dtype", ScalarType.Int8, null, 0, 8)]
    [InlineData("kv_dtype", null, ScalarType.Int32, 0, 8)]
    [InlineData("blocks", null, null, -1, 8)]
    [InlineData("max_tokens_per_step", null, null, 0, 0)]
    [InlineData("max_tokens_per_step", null, null, 0, 100_000)]
    public void OptionsOutOfRangeAreRefusedByName(
        string name, ScalarType? dtype, ScalarType? kv, int blocks, int tokens)
    {
        var options = new TorchRunnerOptions
        {
            DType = dtype,
            KvDType = kv,
            BlockCount = blocks,
            MaxTokensPerStep = tokens,
        };
        Assert.Equal(name, Assert.Throws<OptionException>(() => TorchRunner.Load("nowhere", options)).Option);
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void APoolInBytesHasTheBlocksThatFit(ScalarType dtype)
    {
        var folder = RepositoryFiles.Fixture("hf", "gelu-new");
        using var one = TorchRunner.Load(folder, new TorchRunnerOptions { DType = dtype, BlockCount = 1 });
        var options = new TorchRunnerOptions { DType = dtype, PoolBytes = (5L * one.BytesPerBlock) - 1 };
        using var runner = TorchRunner.Load(folder, options);
        Assert.Equal(4, runner.BlockCount);
        Assert.Throws<OptionException>(() => TorchRunner.Load(folder, options with { PoolBytes = 1000 }));
        Assert.Throws<OptionException>(() => TorchRunner.Load(folder, options with { BlockCount = 2 }));
    }

    [Fact]
    public void AModelOfTheCallersOutlivesTheRunner()
    {
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "gelu-new"));
        var logits = new float[model.cfg.vocab_size];
        for (var i = 0; i < 2; i++)
        {
            using var runner = new TorchRunner(model, blockCount: 1);
            runner.Step([new(new[] { 1, 2 }, 0, new[] { 0 }, LogitsWanted.Last)], logits);
        }
    }

    [Fact]
    public void LoadingEndsWhereItIsCancelled()
    {
        var folder = RepositoryFiles.Fixture("hf", "gelu-new");
        Assert.Throws<OperationCanceledException>(
            () => TorchRunner.Load(folder, cancellationToken: new CancellationToken(true)));
    }

    private static TorchRunner Load(string name, int blocks) =>
        TorchRunner.Load(RepositoryFiles.Fixture("hf", name), new TorchRunnerOptions { BlockCount = blocks });

    private sealed class Sequence(int[] ids)
    {
        public int[] Ids { get; } = ids;

        public int Done { get; set; }

        public List<int> Table { get; } = [];
    }
}
