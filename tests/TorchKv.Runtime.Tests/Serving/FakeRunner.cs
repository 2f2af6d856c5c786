using System.Runtime.InteropServices;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>
/// <see cref="FakeModel"/> over real blocks, checking the contract of <see cref="IModelRunner"/> at every step.
/// </summary>
internal sealed class FakeRunner : IModelRunner
{
    private readonly ulong[] _cells;
    private readonly StepRules _rules;
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
        _rules = new StepRules(this);
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

    public void Step(ReadOnlySpan<RunnerRow> rows, Span<float> logits, CancellationToken cancellationToken = default)
    {
        if (Interlocked.Exchange(ref _inStep, 1) != 0)
        {
            throw new InvalidOperationException("Two steps at once.");
        }

        try
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            cancellationToken.ThrowIfCancellationRequested();
            if (_rules.Check(rows, logits.Length).Tokens == 0)
            {
                return;
            }

            try
            {
                Fault?.Invoke(rows.ToArray());
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
        _rules.CheckBlock(source, nameof(source));
        _rules.CheckBlock(destination, nameof(destination));
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        CopyFault?.Invoke(source, destination);
        _cells.AsSpan(source * BlockSize, BlockSize).CopyTo(_cells.AsSpan(destination * BlockSize));
    }

    public void ReadBlock(int block, Span<byte> destination)
    {
        CheckBlock(block, destination.Length, nameof(destination));
        MemoryMarshal.AsBytes(_cells.AsSpan(block * BlockSize, BlockSize)).CopyTo(destination);
    }

    public void WriteBlock(int block, ReadOnlySpan<byte> source)
    {
        CheckBlock(block, source.Length, nameof(source));
        source.CopyTo(MemoryMarshal.AsBytes(_cells.AsSpan(block * BlockSize, BlockSize)));
    }

    public void Dispose() => IsDisposed = true;

    private void CheckBlock(int block, int length, string name)
    {
        _rules.CheckBlock(block, nameof(block));
        _rules.CheckBlockBytes(length, name);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
    }

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
                logits = logits[Model.VocabSize..];
            }
        }

        return logits;
    }
}
