using TorchKv.Runtime.Model;

namespace TorchKv.Running;

/// <summary>
/// A step's rows as lists of numbers for one upload. Tokens of all rows go through the linear layers together; for
/// attention they are sorted into groups of equal shape, and the tokens of a group lie side by side.
/// </summary>
internal sealed class StepLayout
{
    private readonly List<long> _ids = [], _positions = [], _slots = [], _wanted = [], _tails = [];
    private readonly List<long> _tables = [], _lengths = [];
    private readonly List<AttentionGroup> _groups = [];
    private readonly int _blockSize;

    /// <param name="rows">Rows that <see cref="StepRules"/> has accepted, one at least.</param>
    /// <param name="blockSize">Tokens in a block.</param>
    public StepLayout(ReadOnlySpan<RunnerRow> rows, int blockSize)
    {
        _blockSize = blockSize;
        var firstTokens = new int[rows.Length];

        // Single tokens of sequences within a factor of two in length attend together; a run of tokens attends alone
        var keyed = new List<(int Key, int Row)>(rows.Length);
        for (var row = 0; row < rows.Length; row++)
        {
            keyed.Add((rows[row].Tokens.Length == 1 ? int.Log2(rows[row].UsedBlocks(blockSize)) : int.MaxValue, row));
        }

        keyed.Sort();
        for (var next = 0; next < keyed.Count;)
        {
            var end = next + 1;
            while (end < keyed.Count && keyed[next].Key != int.MaxValue && keyed[end].Key == keyed[next].Key)
            {
                end++;
            }

            AddGroup(rows, keyed[next..end], firstTokens);
            next = end;
        }

        for (var row = 0; row < rows.Length; row++)
        {
            var count = rows[row].Tokens.Length;
            for (var token = count - rows[row].LogitsCount; token < count; token++)
            {
                _wanted.Add(firstTokens[row] + token);
            }
        }
    }

    /// <summary>The groups, in the order of their tokens.</summary>
    public IReadOnlyList<AttentionGroup> Groups => _groups;

    /// <summary>
    /// Where the tokens' ids begin in <see cref="Numbers"/>, and how many there are. The other parts follow in this
    /// order.
    /// </summary>
    public (long Start, long Count) Ids => (0, _ids.Count);

    /// <summary>The tokens' positions.</summary>
    public (long Start, long Count) Positions => (_ids.Count, _ids.Count);

    /// <summary>The slots that the tokens' keys and values go to: block · block size + place in the block.</summary>
    public (long Start, long Count) Slots => (2L * _ids.Count, _ids.Count);

    /// <summary>Tokens whose logits are wanted, in the order of the rows.</summary>
    public (long Start, long Count) Wanted => (3L * _ids.Count, _wanted.Count);

    /// <summary>The slots after each row's last token in the row's last block.</summary>
    public (long Start, long Count) Tails => ((3L * _ids.Count) + _wanted.Count, _tails.Count);

    /// <summary>A group's block tables, (rows, blocks).</summary>
    public (long Start, long Count) Tables(AttentionGroup group) =>
        (Tails.Start + _tails.Count + group.TableStart, (long)group.Rows * group.Blocks);

    /// <summary>A group's sequence lengths, with the tokens of this step included, (rows).</summary>
    public (long Start, long Count) Lengths(AttentionGroup group) =>
        (Tails.Start + _tails.Count + _tables.Count + group.LengthStart, group.Rows);

    /// <summary>All numbers of the step in one list, for one upload to the device.</summary>
    public long[] Numbers() => [.. _ids, .. _positions, .. _slots, .. _wanted, .. _tails, .. _tables, .. _lengths];

    private void AddGroup(ReadOnlySpan<RunnerRow> rows, List<(int Key, int Row)> members, int[] firstTokens)
    {
        var blocks = 0;
        foreach (var (_, row) in members)
        {
            blocks = Math.Max(blocks, rows[row].UsedBlocks(_blockSize));
        }

        var start = rows[members[0].Row];
        _groups.Add(new AttentionGroup(
            _ids.Count, members.Count, start.Tokens.Length, start.Position, blocks, _tables.Count, _lengths.Count));
        foreach (var (_, row) in members)
        {
            firstTokens[row] = _ids.Count;
            AddRow(rows[row], blocks);
        }
    }

    private void AddRow(in RunnerRow row, int groupBlocks)
    {
        var tokens = row.Tokens.Span;
        var table = row.BlockTable.Span;
        for (var i = 0; i < tokens.Length; i++)
        {
            _ids.Add(tokens[i]);
            _positions.Add(row.Position + i);
            _slots.Add(Slot(table, row.Position + i));
        }

        // In a group with longer rows a row repeats its first block: masked, and never another sequence's numbers
        var used = row.UsedBlocks(_blockSize);
        for (var i = 0; i < groupBlocks; i++)
        {
            _tables.Add(table[i < used ? i : 0]);
        }

        for (var position = row.End; position < used * _blockSize; position++)
        {
            _tails.Add(Slot(table, position));
        }

        _lengths.Add(row.End);
    }

    private long Slot(ReadOnlySpan<int> table, int position) =>
        ((long)table[position / _blockSize] * _blockSize) + (position % _blockSize);
}
