using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;

namespace TorchKv.Server.Tests.Support;

/// <summary>A runner whose steps wait for a test.</summary>
internal sealed class GatedRunner(IModelRunner inner) : IModelRunner
{
    private readonly SemaphoreSlim _gate = new(0);
    private int _steps;

    public ModelShape Model => inner.Model;

    public int BlockSize => inner.BlockSize;

    public int BlockCount => inner.BlockCount;

    public int BytesPerBlock => inner.BytesPerBlock;

    public int MaxTokensPerStep => inner.MaxTokensPerStep;

    /// <summary>Steps that were begun.</summary>
    public int Steps => Volatile.Read(ref _steps);

    public void Release(int steps) => _gate.Release(steps);

    public void Step(ReadOnlySpan<RunnerRow> rows, Span<float> logits, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _steps);
        _gate.Wait(cancellationToken);
        inner.Step(rows, logits, cancellationToken);
    }

    public void CopyBlock(int source, int destination) => inner.CopyBlock(source, destination);

    public void ReadBlock(int block, Span<byte> destination) => inner.ReadBlock(block, destination);

    public void WriteBlock(int block, ReadOnlySpan<byte> source) => inner.WriteBlock(block, source);

    public void Dispose() => inner.Dispose();
}
