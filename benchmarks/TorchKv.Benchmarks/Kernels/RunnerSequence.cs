using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Model;

namespace TorchKv.Benchmarks.Kernels;

/// <summary>A sequence of made-up ids that owns the pool's blocks from <paramref name="firstBlock"/> on.</summary>
internal sealed class RunnerSequence(CpuRunner runner, int firstBlock)
{
    private readonly int[] _blocks =
    [
        .. Enumerable.Range(
            firstBlock, Math.Min(runner.BlockCount - firstBlock, runner.Config.ContextLength / runner.BlockSize)),
    ];

    private readonly int[] _ids =
    [
        .. Enumerable.Range(0, runner.Config.ContextLength).Select(i => (i * 7919) % runner.Config.VocabSize),
    ];
    private readonly float[] _logits = new float[runner.Config.VocabSize];
    private readonly RunnerRow[] _rows = new RunnerRow[1];

    /// <summary>Tokens so far.</summary>
    public int Length { get; private set; }

    /// <summary>The row of the next <paramref name="count"/> tokens.</summary>
    public RunnerRow Row(int count)
    {
        var row = new RunnerRow(_ids.AsMemory(Length, count), Length, _blocks, LogitsWanted.Last);
        Length += count;
        return row;
    }

    /// <summary>Runs the next <paramref name="count"/> tokens.</summary>
    public void Step(int count)
    {
        _rows[0] = Row(count);
        runner.Step(_rows, _logits);
    }
}
