using System.Runtime.CompilerServices;
using TorchKv.Runtime.Cpu.Packing;
using TorchKv.Runtime.Cpu.Steps;
using TorchKv.Runtime.Cpu.Weights;

namespace TorchKv.Runtime.Cpu.Phases;

/// <summary>Token embedding + position embedding → residual stream.</summary>
/// <param name="weights">The embeddings.</param>
/// <param name="to">The residual stream.</param>
internal sealed unsafe class EmbeddingPhase(Gpt2Weights weights, RowArray to) : RowPhase
{
    private const int Width = PackedMatrix.PanelWidth;

    private readonly int _width = weights.Config.EmbeddingSize;

    protected override void ComputeRow(StepShape shape, int row, Workspace workspace, int at)
    {
        var sum = workspace.Tile + (at * (long)to.Stride);
        EmbedToken(shape.Token(row), sum);
        var position = weights.Positions + ((long)shape.Position(row) * _width);
        for (var i = 0; i < _width; i++)
        {
            sum[i] += position[i];
        }
    }

    protected override void PublishRows(int first, int rows, Workspace workspace) =>
        CopyTile(workspace, to, first, rows);

    /// <summary>Copies the embedding of a token, (width). A tied embedding has the precision of the head.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void EmbedToken(int token, float* destination)
    {
        if (weights.Embedding != null)
        {
            new ReadOnlySpan<float>(weights.Embedding + ((nint)token * _width), _width)
                .CopyTo(new Span<float>(destination, _width));
            return;
        }

        var head = weights.Head;
        var (panel, lane) = Math.DivRem(token, Width);
        if (head.Format == WeightFormat.Float32)
        {
            var source = (float*)head.Panel(panel) + lane;
            for (var i = 0; i < _width; i++)
            {
                destination[i] = source[i * Width];
            }

            return;
        }

        for (var i = 0; i < _width; i++)
        {
            destination[i] = WeightPacking.Unpack(head, panel, i, lane);
        }
    }
}
