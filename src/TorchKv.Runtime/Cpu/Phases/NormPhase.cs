using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.Runtime.Cpu.Packing;
using TorchKv.Runtime.Cpu.Steps;
using TorchKv.Runtime.Cpu.Weights;

namespace TorchKv.Runtime.Cpu.Phases;

/// <summary>
/// LayerNorm of the residual stream → the rows that a matrix is multiplied with, quantized if its weights are integers.
/// </summary>
/// <param name="config">The model.</param>
/// <param name="kernels">The arithmetic.</param>
/// <param name="activations">Source and destination.</param>
/// <param name="norm">The LayerNorm's weight and bias.</param>
/// <param name="matrix">The matrix.</param>
/// <param name="wantedOnly">Whether to take only the tokens whose logits are wanted.</param>
internal sealed unsafe class NormPhase(
    Gpt2Config config,
    KernelSet kernels,
    Activations activations,
    NormWeights norm,
    PackedMatrix matrix,
    bool wantedOnly) : RowPhase
{
    private readonly RowArray _from = activations.Residual;
    private readonly RowArray _to = activations.Normed;

    protected override int Rows(StepShape shape) => wantedOnly ? shape.WantedCount : shape.TokenCount;

    protected override void ComputeRow(StepShape shape, int row, Workspace workspace, int to)
    {
        var from = _from.Row(wantedOnly ? shape.Wanted(row) : row);
        var normed = workspace.Tile + (to * (long)_to.Stride);
        kernels.LayerNorm(from, norm.Weight, norm.Bias, config.LayerNormEpsilon, config.EmbeddingSize, normed);
        new Span<float>(normed + config.EmbeddingSize, _to.Stride - config.EmbeddingSize).Clear();
        if (matrix.Quantized)
        {
            kernels.Quantize(workspace.Quantized(matrix), normed, to, matrix.Group, matrix.Offset);
        }
    }

    protected override void PublishRows(int first, int rows, Workspace workspace)
    {
        if (matrix.Quantized)
        {
            workspace.Quantized(matrix).CopyTo(activations.Quantized(matrix), first, rows);
        }
        else
        {
            CopyTile(workspace, _to, first, rows);
        }
    }
}
