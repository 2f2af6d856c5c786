using System.Runtime.InteropServices;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>
/// <see cref="FakeModel"/> over real blocks, checking the contract of <see cref="IModelRunner"/> at every step.
/// </summary>
internal sealed class FakeRunner : IModelRunner
{
    private readonly ulong[] _cells;
    private int _inStep;

    public FakeRunner(int blocks, int blockSize = 4, int vocabulary = 32, int context = 256, int maxTokensPerStep = 512)
    {
        Model = new ModelShape
        {
            VocabSize = vocabulary,
            ContextLength = context,
            LayerCount = 1,
            HeadCount = 1,
            HeadDim = 1,
            EosTokenIds = [vocabulary - 1],
        };
        BlockSize = blockSize;
        BlockCount = blocks;
        MaxTokensPerStep = maxTokensPerStep;
        _cells = new ulong[blocks * blockSize];
    }

    public ModelShape Model { get; }

    public int BlockSize { get; }

    public int BlockCount { get; }

    public int BytesPerBlock => BlockSize * sizeof(ulong);

    public int MaxTokensPerStep { get; }

    public int StepCount { get; private set; }

    public long TokenCount { get; private set; }

    public int LargestStep { get; private set; }

    public bool IsDisposed { get; private set; }

    /// <summary>
    /// Called before each step; what it throws, the step throws, after it has spoilt what it would have written.
    /// </summary>
    public Action<RunnerRow[]>? Fault { get; set; }

    public Action<int, int>? CopyFault { get; set; }

    /// <summary>Called with each row of logits; may change it.</summary>
    public Action<Span<float>>? ChangeLogits { get; set; }

    /// <summary>Called during each step, with the step's token; may block until it is signalled, and throw.</summary>
    public Action<CancellationToken>? During { get; set; }

    public void Step(ReadOnlySpan<RunnerRow> rows, Span<float> logits, CancellationToken cancellationToken = default)
    {
        if (Interlocked.Exchange(ref _inStep, 1) != 0)
        {
            throw new InvalidOperationException("Two steps at once.");
        }

        try
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            Check(rows, logits);
            try
            {
                Fault?.Invoke(rows.ToArray());
                During?.Invoke(cancellationToken);
            }
            catch
            {
                foreach (var row in rows)
                {
                    for (var i = 0; i < row.Tokens.Length; i++)
                    {
                        CellAt(row, row.Position + i) = 0xdeadbeef;
                    }
                }

                throw;
            }

            cancellationToken.ThrowIfCancellationRequested();
            StepCount++;
            var tokens = 0;
            foreach (var row in rows)
            {
                tokens += row.Tokens.Length;
                logits = Run(row, logits);
            }

            TokenCount += tokens;
            LargestStep = Math.Max(LargestStep, tokens);
        }
        finally
        {
            Volatile.Write(ref _inStep, 0);
        }
    }

    public void CopyBlock(int source, int destination)
    {
        CopyFault?.Invoke(source, destination);
        _cells.AsSpan(source * BlockSize, BlockSize).CopyTo(_cells.AsSpan(destination * BlockSize));
    }

    public void ReadBlock(int block, Span<byte> destination) =>
        MemoryMarshal.AsBytes(_cells.AsSpan(block * BlockSize, BlockSize)).CopyTo(destination);

    public void WriteBlock(int block, ReadOnlySpan<byte> source) =>
        source.CopyTo(MemoryMarshal.AsBytes(_cells.AsSpan(block * BlockSize, BlockSize)));

    public void Dispose() => IsDisposed = true;

    private ref ulong CellAt(in RunnerRow row, int position) =>
        ref _cells[(row.BlockTable.Span[position / BlockSize] * BlockSize) + (position % BlockSize)];

    private Span<float> Run(RunnerRow row, Span<float> logits)
    {
        var attention = 0UL;
        for (var p = 0; p < row.Position; p++)
        {
            attention = FakeModel.Attend(attention, CellAt(row, p));
        }

        for (var i = 0; i < row.Tokens.Length; i++)
        {
            var cell = FakeModel.Cell(attention, row.Tokens.Span[i], row.Position + i);
            CellAt(row, row.Position + i) = cell;
            attention = FakeModel.Attend(attention, cell);
            if (row.Logits == LogitsWanted.All || (row.Logits == LogitsWanted.Last && i == row.Tokens.Length - 1))
            {
                FakeModel.Logits(attention, logits[..Model.VocabSize]);
                ChangeLogits?.Invoke(logits[..Model.VocabSize]);
                logits = logits[Model.VocabSize..];
            }
        }

        return logits;
    }

    private void Check(ReadOnlySpan<RunnerRow> rows, Span<float> logits)
    {
        var written = new HashSet<int>();
        var tokens = 0;
        var wanted = 0;
        foreach (var row in rows)
        {
            tokens += row.Tokens.Length;
            wanted += row.Logits switch { LogitsWanted.None => 0, LogitsWanted.Last => 1, _ => row.Tokens.Length };
            Require(row.Tokens.Length > 0, "an empty row");
            Require(
                row.Position >= 0 && row.Position + row.Tokens.Length <= Model.ContextLength,
                "positions past the context");
            Require(row.BlockTable.Length * BlockSize >= row.Position + row.Tokens.Length, "too few blocks");
            for (var p = row.Position / BlockSize; p <= (row.Position + row.Tokens.Length - 1) / BlockSize; p++)
            {
                Require(written.Add(row.BlockTable.Span[p]), "two rows write one block");
            }

            foreach (var token in row.Tokens.Span)
            {
                Require((uint)token < (uint)Model.VocabSize, "an id outside the vocabulary");
            }

            foreach (var block in row.BlockTable.Span)
            {
                Require((uint)block < (uint)BlockCount, "a block outside the pool");
            }
        }

        foreach (var row in rows)
        {
            for (var p = 0; p < row.Position / BlockSize; p++)
            {
                Require(!written.Contains(row.BlockTable.Span[p]), "a block is written while another row reads it");
            }
        }

        Require(tokens <= MaxTokensPerStep, "more tokens than a step takes");
        Require(logits.Length >= wanted * Model.VocabSize, "too little room for logits");

        static void Require(bool condition, string otherwise)
        {
            if (!condition)
            {
                throw new ArgumentException(otherwise);
            }
        }
    }
}
