using TorchKv.Models;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Scheduling;
using TorchKv.TestSupport;
using static TorchSharp.torch;

namespace TorchKv.Tests.Running;

/// <summary>The runner against HuggingFace's recordings and against the port alone.</summary>
public class TorchRunnerTests
{
    public static TheoryData<string> Cases => [.. Golden.HuggingFaceCases];

    [Theory]
    [MemberData(nameof(Cases))]
    public void LogitsOfWholePromptsAreHuggingFaces(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = Golden.HuggingFace(name);
        using var runner = TorchRunner.Load(RepositoryFiles.Fixture("hf", name), blockCount: 8);
        var rows = Golden.Rows(golden.Json.GetProperty("batch_ids")).Select(row => row.Select(id => (int)id).ToArray()).ToArray();
        var logits = new float[2 * 16 * runner.Config.VocabSize];
        runner.Step([new(rows[0], 0, new[] { 5 }, LogitsWanted.All), new(rows[1], 0, new[] { 2 }, LogitsWanted.All)], logits);
        Close.To(Close.Values(golden["full.logits"]), logits, "full.logits");
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void GreedyTokensFromChunksAndDecodeAreHuggingFaces(string name)
    {
        using var golden = Golden.HuggingFace(name);
        using var runner = TorchRunner.Load(RepositoryFiles.Fixture("hf", name), blockCount: 4);
        var ids = Golden.Rows(golden.Json.GetProperty("prompt_ids"))[0].Select(id => (int)id).ToList();
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

        Assert.Equal(Golden.Rows(golden.Json.GetProperty("greedy").GetProperty("sequences"))[0], ids.Select(id => (long)id));
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
                sequences.Add(new Sequence([.. Enumerable.Range(0, random.Next(2, 60)).Select(_ => random.Next(vocab))]));
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

                rows.Add(new(sequence.Ids.AsMemory(sequence.Done, count), sequence.Done, sequence.Table.ToArray(), (LogitsWanted)random.Next(3)));
            }

            var wanted = rows.Sum(row => row.Logits switch { LogitsWanted.None => 0, LogitsWanted.Last => 1, _ => row.Tokens.Length });
            var logits = new float[wanted * vocab];
            runner.Step([.. rows], logits);
            var at = 0;
            foreach (var (sequence, row) in taken.Zip(rows))
            {
                sequence.Done += row.Tokens.Length;
                var first = row.Logits == LogitsWanted.All ? row.Position : sequence.Done - 1;
                if (row.Logits != LogitsWanted.None)
                {
                    var alone = model.forward(tensor(sequence.Ids[..sequence.Done], [1, sequence.Done], dtype: ScalarType.Int64));
                    var expected = Close.Values(alone.narrow(1, first, sequence.Done - first));
                    Close.To(expected, logits.AsSpan(at, expected.Length), $"step {step}, row at {row.Position} of {row.Tokens.Length}");
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

    [Fact]
    public void ABlockThatIsCopiedOrWrittenBackHoldsWhatItHeld()
    {
        using var runner = TorchRunner.Load(RepositoryFiles.Fixture("hf", "gelu-new"), blockCount: 6);
        var ids = Enumerable.Range(1, 20).ToArray();
        var expected = new float[runner.Config.VocabSize];
        var actual = new float[runner.Config.VocabSize];
        runner.Step([new(ids, 0, new[] { 0, 1 }, LogitsWanted.Last)], expected);

        runner.CopyBlock(1, 2);
        runner.Step([new(ids.AsMemory(19), 19, new[] { 0, 2 }, LogitsWanted.Last)], actual);
        Close.To(expected, actual, "after a copy");

        var saved = new byte[runner.BytesPerBlock];
        runner.ReadBlock(0, saved);
        runner.WriteBlock(4, saved);
        var again = new byte[runner.BytesPerBlock];
        runner.ReadBlock(4, again);
        Assert.Equal(saved, again);
        runner.Step([new(ids.AsMemory(19), 19, new[] { 4, 2 }, LogitsWanted.Last)], actual);
        Close.To(expected, actual, "after a block was written back");
        Assert.Equal(2 * 3 * 48 * 16 * sizeof(float), runner.BytesPerBlock);
    }

    [Fact]
    public void RowsThatCannotBeServedAreRefusedAndNothingChanges()
    {
        using var runner = TorchRunner.Load(RepositoryFiles.Fixture("hf", "gelu-new"), blockCount: 6, maxTokensPerStep: 32);
        var vocab = runner.Config.VocabSize;
        var room = new float[vocab];
        var first = new float[vocab];
        runner.Step([new(new[] { 1, 2, 3 }, 0, new[] { 0 }, LogitsWanted.Last)], first);
        foreach (var (row, names) in new (RunnerRow, string)[]
        {
            (new(Array.Empty<int>(), 0, new[] { 0 }, LogitsWanted.Last), "no tokens"),
            (new(new[] { vocab }, 3, new[] { 0 }, LogitsWanted.Last), $"id {vocab}"),
            (new(new[] { -1 }, 3, new[] { 0 }, LogitsWanted.Last), "id -1"),
            (new(new[] { 1 }, -1, new[] { 0 }, LogitsWanted.Last), "position -1"),
            (new(new[] { 1 }, 64, new[] { 0, 1, 2, 3, 4 }, LogitsWanted.Last), "holds 64"),
            (new(new[] { 1 }, 16, new[] { 0 }, LogitsWanted.Last), "needs 2 blocks"),
            (new(new[] { 1 }, 3, new[] { 6 }, LogitsWanted.Last), "block 6"),
            (new(new[] { 1 }, 3, new[] { -1 }, LogitsWanted.Last), "block -1"),
            (new(new int[33], 0, new[] { 0, 1, 2 }, LogitsWanted.Last), "32 tokens"),
            (new(new[] { 1, 1 }, 3, new[] { 0 }, LogitsWanted.All), "room"),
        })
        {
            var error = Assert.Throws<ArgumentException>(() => runner.Step([row], room));
            Assert.Contains(names, error.Message, StringComparison.Ordinal);
        }

        Assert.Throws<ArgumentException>(() => runner.Step(
            [new(new[] { 1 }, 3, new[] { 0 }, LogitsWanted.None), new(new[] { 1 }, 4, new[] { 0 }, LogitsWanted.None)], room));
        Assert.Throws<OperationCanceledException>(() => runner.Step([new(new[] { 1 }, 3, new[] { 0 }, LogitsWanted.Last)], room, new CancellationToken(canceled: true)));
        Assert.Throws<ArgumentOutOfRangeException>(() => runner.CopyBlock(0, 6));
        Assert.Throws<ArgumentException>(() => runner.ReadBlock(0, new byte[1]));
        runner.Step([], []);

        runner.Step([new(new[] { 3 }, 2, new[] { 0 }, LogitsWanted.Last)], room);
        Close.To(first, room, "the same token again after the refusals");
    }

    private sealed class Sequence(int[] ids)
    {
        public int[] Ids { get; } = ids;

        public int Done { get; set; }

        public List<int> Table { get; } = [];
    }
}
