using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Model;

namespace TorchKv.Benchmarks.Kernels;

/// <summary>A step: one token of one sequence, one token of sixteen, or a prompt of 512.</summary>
internal sealed class StepWorkload
{
    private const int Batch = 16;
    private const int Position = 64;

    /// <summary>What each kind is called.</summary>
    public static readonly string[] Names = ["decode", $"{Batch} together", "prefill"];

    /// <param name="runner">The runner.</param>
    /// <param name="kind">Which, by its place in <see cref="Names"/>.</param>
    public StepWorkload(CpuRunner runner, int kind)
    {
        var perSequence = Position / runner.BlockSize;
        Rows = kind switch
        {
            0 => [Row(0, Position, 1)],
            1 => [.. Enumerable.Range(0, Batch).Select(sequence => Row(sequence, Position, 1))],
            _ => [Row(0, 0, Math.Min(512, runner.Config.ContextLength))],
        };
        var read = Rows.Sum(row => (double)row.Position + row.Tokens.Length);
        Bytes = runner.WeightBytesPerStep + (read * runner.BytesPerBlock / runner.BlockSize);

        RunnerRow Row(int sequence, int position, int count) => new(
            Enumerable.Range(0, count).Select(i => ((sequence + i) * 7919) % runner.Config.VocabSize).ToArray(),
            position,
            Enumerable.Range(sequence * (perSequence + 1), ((position + count - 1) / runner.BlockSize) + 1).ToArray(),
            LogitsWanted.Last);
    }

    /// <summary>The step.</summary>
    public RunnerRow[] Rows { get; }

    /// <summary>What it reads: weights, keys and values.</summary>
    public double Bytes { get; }

    /// <summary>Tokens that a kind of step computes.</summary>
    public static int Tokens(int kind) => kind switch { 0 => 1, 1 => Batch, _ => 512 };
}
