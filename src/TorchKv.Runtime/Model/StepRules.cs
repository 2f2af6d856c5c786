using System.Diagnostics.CodeAnalysis;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Model;

/// <summary>
/// The rules of <see cref="IModelRunner"/>: what a runner refuses before a step or a copy changes anything. Every
/// runner calls them, so that all runners accept the same steps and refuse the others with the same exceptions.
/// </summary>
/// <remarks>A check allocates nothing. Not thread-safe: each runner has its own.</remarks>
public sealed class StepRules
{
    private readonly ModelShape _model;
    private readonly int _blockSize, _maxTokensPerStep, _bytesPerBlock;

    // For each block the number of the last step that was checked in which a row writes it
    private readonly int[] _writtenIn;
    private int _step;

    /// <summary>The rules for a runner, whose sizes are read now and never change.</summary>
    public StepRules(IModelRunner runner)
    {
        ArgumentNullException.ThrowIfNull(runner);
        _model = runner.Model;
        _blockSize = runner.BlockSize;
        _maxTokensPerStep = runner.MaxTokensPerStep;
        _bytesPerBlock = runner.BytesPerBlock;
        _writtenIn = new int[runner.BlockCount];
    }

    /// <summary>Checks the rows of a step. No rows at all are a step that does nothing.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="logitsRoom">Floats in the buffer for logits.</param>
    /// <exception cref="ContextLengthException">A row would end past the context.</exception>
    /// <exception cref="ArgumentException">
    /// A row has no tokens, an id outside the vocabulary, a negative position, too few blocks or a block outside the
    /// pool; the rows have more tokens than one step takes; a block is written twice, or is written by one row and read
    /// by another; or the buffer for logits is too small.
    /// </exception>
    public StepSize Check(ReadOnlySpan<RunnerRow> rows, int logitsRoom)
    {
        if (++_step == int.MaxValue)
        {
            Array.Clear(_writtenIn);
            _step = 1;
        }

        var (tokens, wanted) = (0L, 0L);
        for (var i = 0; i < rows.Length; i++)
        {
            tokens += rows[i].Tokens.Length;
            CheckTokens(i, rows[i], tokens);
            CheckBlocks(i, rows);
            wanted += rows[i].LogitsCount;
        }

        // Now every block that is written is known
        for (var i = 0; i < rows.Length; i++)
        {
            CheckReads(i, rows);
        }

        if (logitsRoom < wanted * _model.VocabSize)
        {
            var needed = wanted * _model.VocabSize;
            throw new ArgumentException(
                Text($"{wanted} positions' logits take {needed} floats, but there is room for {logitsRoom}."),
                "logits");
        }

        return new StepSize((int)tokens, (int)wanted);
    }

    /// <summary>Checks the number of a block.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The pool has no such block.</exception>
    public void CheckBlock(int block, string parameter)
    {
        if ((uint)block >= (uint)_writtenIn.Length)
        {
            throw new ArgumentOutOfRangeException(
                parameter, block, Text($"The pool has blocks 0 to {_writtenIn.Length - 1}."));
        }
    }

    /// <summary>Checks the length of a buffer for one block's keys and values.</summary>
    /// <exception cref="ArgumentException">It has another length than a block.</exception>
    public void CheckBlockBytes(int length, string parameter)
    {
        if (length != _bytesPerBlock)
        {
            throw new ArgumentException(Text($"A block has {_bytesPerBlock} bytes, not {length}."), parameter);
        }
    }

    /// <summary>Checks what <see cref="IKvReader.ReadKeysAndValues"/> is given.</summary>
    /// <exception cref="ArgumentException">
    /// There is no such layer or block, the blocks hold fewer tokens, or a span has another length.
    /// </exception>
    public void CheckRead(int layer, ReadOnlySpan<int> blockTable, int tokens, int keysLength, int valuesLength)
    {
        var wanted = (long)tokens * _model.HeadCount * _model.HeadDim;
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, (long)blockTable.Length * _blockSize, nameof(tokens));
        ArgumentOutOfRangeException.ThrowIfNotEqual(keysLength, wanted, "keys");
        ArgumentOutOfRangeException.ThrowIfNotEqual(valuesLength, wanted, "values");
        if ((uint)layer >= (uint)_model.LayerCount)
        {
            throw new ArgumentOutOfRangeException(
                nameof(layer), layer, Text($"The model has layers 0 to {_model.LayerCount - 1}."));
        }

        foreach (var block in blockTable)
        {
            CheckBlock(block, nameof(blockTable));
        }
    }

    private void CheckTokens(int index, in RunnerRow row, long tokensSoFar)
    {
        var count = row.Tokens.Length;
        if (count == 0)
        {
            Refuse($"Row {index} has no tokens.");
        }

        if (tokensSoFar > _maxTokensPerStep)
        {
            Refuse($"Rows 0 to {index} have {tokensSoFar} tokens; a step takes at most {_maxTokensPerStep} tokens.");
        }

        if (row.Position < 0)
        {
            Refuse($"Row {index} begins at position {row.Position}; positions begin at 0.");
        }

        if ((long)row.Position + count > _model.ContextLength)
        {
            throw new ContextLengthException(row.Position, count, _model.ContextLength);
        }

        foreach (var token in row.Tokens.Span)
        {
            if ((uint)token >= (uint)_model.VocabSize)
            {
                Refuse($"Row {index} has the token id {token}; ids are 0 to {_model.VocabSize - 1}.");
            }
        }

        if (row.Logits is not (LogitsWanted.None or LogitsWanted.Last or LogitsWanted.All))
        {
            Refuse($"Row {index} asks for logits by the number {(int)row.Logits}, which is not None, Last or All.");
        }
    }

    private void CheckBlocks(int index, ReadOnlySpan<RunnerRow> rows)
    {
        ref readonly var row = ref rows[index];
        var table = row.BlockTable.Span;
        var used = row.UsedBlocks(_blockSize);
        if (table.Length < used)
        {
            Refuse($"Row {index} needs {used} blocks for {row.End} tokens, but its block table has {table.Length}.");
        }

        foreach (var block in table)
        {
            if ((uint)block >= (uint)_writtenIn.Length)
            {
                Refuse($"Row {index} names block {block}; the pool has blocks 0 to {_writtenIn.Length - 1}.");
            }
        }

        foreach (var block in WrittenBlocks(row))
        {
            if (_writtenIn[block] == _step)
            {
                var writer = WriterOf(block, rows);
                Refuse(writer == index
                    ? $"Row {index} has block {block} twice in its block table."
                    : (FormattableString)$"Rows {writer} and {index} both write block {block}.");
            }

            _writtenIn[block] = _step;
        }
    }

    private void CheckReads(int index, ReadOnlySpan<RunnerRow> rows)
    {
        ref readonly var row = ref rows[index];
        foreach (var block in row.BlockTable.Span[..(row.Position / _blockSize)])
        {
            if (_writtenIn[block] == _step)
            {
                var writer = WriterOf(block, rows);
                Refuse(writer == index
                    ? $"Row {index} has block {block} twice in its block table."
                    : (FormattableString)$"Row {index} reads block {block}, which row {writer} writes.");
            }
        }
    }

    /// <summary>The first row that writes a block.</summary>
    private int WriterOf(int block, ReadOnlySpan<RunnerRow> rows)
    {
        var writer = 0;
        while (!WrittenBlocks(rows[writer]).Contains(block))
        {
            writer++;
        }

        return writer;
    }

    private ReadOnlySpan<int> WrittenBlocks(in RunnerRow row) =>
        row.BlockTable.Span[(row.Position / _blockSize)..row.UsedBlocks(_blockSize)];

    [DoesNotReturn]
    private static void Refuse(FormattableString message) => throw new ArgumentException(Text(message), "rows");

    private static string Text(FormattableString message) => FormattableString.Invariant(message);
}
