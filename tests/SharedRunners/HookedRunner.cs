using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;

namespace TorchKv.TestSupport;

/// <summary>A runner with something to do around its steps and copies: to wait, or to fail.</summary>
internal sealed class HookedRunner(IModelRunner inner) : IModelRunner
{
    public Action? BeforeStep { get; init; }

    public Action? AfterStep { get; init; }

    public Action? BeforeCopy { get; init; }

    public ModelShape Model => inner.Model;

    public int BlockSize => inner.BlockSize;

    public int BlockCount => inner.BlockCount;

    public int BytesPerBlock => inner.BytesPerBlock;

    public int MaxTokensPerStep => inner.MaxTokensPerStep;

    public void Step(ReadOnlySpan<RunnerRow> rows, Span<float> logits, CancellationToken cancellationToken = default)
    {
        BeforeStep?.Invoke();
        inner.Step(rows, logits, cancellationToken);
        AfterStep?.Invoke();
    }

    public void CopyBlock(int source, int destination)
    {
        BeforeCopy?.Invoke();
        inner.CopyBlock(source, destination);
    }

    public void ReadBlock(int block, Span<byte> destination) => inner.ReadBlock(block, destination);

    public void WriteBlock(int block, ReadOnlySpan<byte> source) => inner.WriteBlock(block, source);

    public void Dispose() => inner.Dispose();
}
