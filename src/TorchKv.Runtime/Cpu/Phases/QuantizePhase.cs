using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.Runtime.Cpu.Packing;
using TorchKv.Runtime.Cpu.Steps;

namespace TorchKv.Runtime.Cpu.Phases;

/// <summary>Float32 rows → int8 rows, for a matrix of integer weights.</summary>
/// <param name="kernels">The arithmetic.</param>
/// <param name="activations">The destination.</param>
/// <param name="from">The rows.</param>
/// <param name="matrix">The matrix.</param>
internal sealed unsafe class QuantizePhase(
    KernelSet kernels, Activations activations, RowArray from, PackedMatrix matrix) : RowPhase
{
    protected override void ComputeRow(StepShape shape, int row, Workspace workspace, int to) =>
        kernels.Quantize(workspace.Quantized(matrix), from.Row(row), to, matrix.Group, matrix.Offset);

    protected override void PublishRows(int first, int rows, Workspace workspace) =>
        workspace.Quantized(matrix).CopyTo(activations.Quantized(matrix), first, rows);
}
