using TorchKv.Runtime.Model;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Scheduling;

namespace TorchKv;

/// <summary>
/// What a step does, in numbers: rows checked and packed so that tokens which attend alike lie side by side. Tokens of
/// all rows go through the linear layers together; attention runs group by group.
/// </summary>
internal sealed class StepPlan
{
    private readonly List<long> ids = [], positions = [], slots = [], tables = [], lengths = [], wanted = [];
    private readonly List<AttentionGroup> groups = [];

    private StepPlan()
    {
    }

    /// <summary>Tokens of all rows.</summary>
    public int TokenCount => ids.Count;

    /// <summary>Tokens whose logits are wanted.</summary>
    public int WantedCount => wanted.Count;

    /// <summary>The groups, in the order of their tokens.</summary>
    public IReadOnlyList<AttentionGroup> Groups => groups;

    /// <summary>Where each part begins in <see cref="Numbers"/>, and how long it is.</summary>
    public (long Start, long Count) Ids => (0, ids.Count);

    /// <inheritdoc cref="Ids"/>
    public (long Start, long Count) Positions => (ids.Count, ids.Count);

    /// <inheritdoc cref="Ids"/>
    public (long Start, long Count) Slots => (2 * ids.Count, ids.Count);

    /// <inheritdoc cref="Ids"/>
    public (long Start, long Count) Wanted => (3 * ids.Count, wanted.Count);

    /// <summary>Everything that the device needs to know, for one upload.</summary>
    public long[] Numbers() => [.. ids, .. positions, .. slots, .. wanted, .. tables, .. lengths];

    /// <summary>Where a group's block tables begin, (rows, blocks).</summary>
    public (long Start, long Count) Table(AttentionGroup group) => ((3L * ids.Count) + wanted.Count + group.TableStart, group.Rows * group.Blocks);

    /// <summary>Where a group's lengths begin, (rows).</summary>
    public (long Start, long Count) Lengths(AttentionGroup group) => ((3L * ids.Count) + wanted.Count + tables.Count + group.LengthStart, group.Rows);

    /// <summary>Checks the rows and packs them.</summary>
    /// <exception cref="ArgumentException">A row is not served as asked.</exception>
    public static StepPlan Of(ReadOnlySpan<RunnerRow> rows, IModelRunner runner, int logitsRoom)
    {
        Check(rows, runner, logitsRoom);
        var plan = new StepPlan();
        var first = new int[rows.Length];

        // Single tokens of sequences within a factor of two in length attend together; a prompt attends alone
        var keyed = new List<(int Key, int Row)>(rows.Length);
        for (var row = 0; row < rows.Length; row++)
        {
            var blocks = BlocksOf(rows[row], runner.BlockSize);
            keyed.Add((rows[row].Tokens.Length == 1 ? int.Log2(blocks) : int.MaxValue, row));
        }

        keyed.Sort();
        for (var next = 0; next < keyed.Count;)
        {
            var end = next + 1;
            while (end < keyed.Count && keyed[next].Key != int.MaxValue && keyed[end].Key == keyed[next].Key)
            {
                end++;
            }

            var members = keyed[next..end];
            plan.AddGroup(rows, members, runner.BlockSize, first);
            next = end;
        }

        for (var row = 0; row < rows.Length; row++)
        {
            var count = rows[row].Tokens.Length;
            for (var token = rows[row].Logits switch { LogitsWanted.None => count, LogitsWanted.Last => count - 1, _ => 0 }; token < count; token++)
            {
                plan.wanted.Add(first[row] + token);
            }
        }

        return plan;
    }

    private void AddGroup(ReadOnlySpan<RunnerRow> rows, List<(int Key, int Row)> members, int blockSize, int[] first)
    {
        var blocks = 0;
        foreach (var (_, row) in members)
        {
            blocks = Math.Max(blocks, BlocksOf(rows[row], blockSize));
        }

        var start = rows[members[0].Row];
        groups.Add(new AttentionGroup(ids.Count, members.Count, start.Tokens.Length, start.Position, blocks, tables.Count, lengths.Count));
        foreach (var (_, row) in members)
        {
            var tokens = rows[row].Tokens.Span;
            var table = rows[row].BlockTable.Span;
            first[row] = ids.Count;
            for (var i = 0; i < tokens.Length; i++)
            {
                var position = rows[row].Position + i;
                ids.Add(tokens[i]);
                positions.Add(position);
                slots.Add(((long)table[position / blockSize] * blockSize) + (position % blockSize));
            }

            // A shorter row repeats its first block: masked, and finite, which a block of another's might not be
            var own = BlocksOf(rows[row], blockSize);
            for (var i = 0; i < blocks; i++)
            {
                tables.Add(table[i < own ? i : 0]);
            }

            lengths.Add(rows[row].Position + tokens.Length);
        }
    }

    private static int BlocksOf(in RunnerRow row, int blockSize) => (row.Position + row.Tokens.Length + blockSize - 1) / blockSize;

    private static void Check(ReadOnlySpan<RunnerRow> rows, IModelRunner runner, int logitsRoom)
    {
        var (total, wanted) = (0L, 0L);
        var writers = new Dictionary<int, int>();
        for (var i = 0; i < rows.Length; i++)
        {
            var row = rows[i];
            var count = row.Tokens.Length;
            Require(count > 0, $"Row {i} has no tokens.");
            Require(row.Position >= 0, $"Row {i} begins at position {row.Position}.");
            Require(
                (long)row.Position + count <= runner.Model.ContextLength,
                $"Row {i} has {count} tokens from position {row.Position}, but the context holds {runner.Model.ContextLength}.");
            total += count;
            Require(total <= runner.MaxTokensPerStep, $"The rows have more than the {runner.MaxTokensPerStep} tokens that one step takes.");
            foreach (var id in row.Tokens.Span)
            {
                Require((uint)id < (uint)runner.Model.VocabSize, $"Row {i} has the id {id}; the vocabulary has {runner.Model.VocabSize}.");
            }

            var blocks = BlocksOf(row, runner.BlockSize);
            Require(row.BlockTable.Length >= blocks, $"Row {i} reaches position {row.Position + count - 1} and needs {blocks} blocks; its table has {row.BlockTable.Length}.");
            for (var block = 0; block < blocks; block++)
            {
                var number = row.BlockTable.Span[block];
                Require((uint)number < (uint)runner.BlockCount, $"Row {i} names block {number}; the pool has {runner.BlockCount}.");
                if (block >= row.Position / runner.BlockSize)
                {
                    Require(writers.TryAdd(number, i), $"Rows {writers.GetValueOrDefault(number)} and {i} both write block {number}.");
                }
            }

            wanted += row.Logits switch { LogitsWanted.None => 0, LogitsWanted.Last => 1, _ => count };
        }

        Require(wanted * runner.Model.VocabSize <= logitsRoom, $"{wanted} positions want logits of {runner.Model.VocabSize}; there is room for {logitsRoom} numbers.");
    }

    private static void Require(bool right, string otherwise)
    {
        if (!right)
        {
            throw new ArgumentException(otherwise, "rows");
        }
    }
}
