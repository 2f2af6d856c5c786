using TorchKv.Runtime.Cpu.Packing;
using TorchKv.Runtime.Cpu.Steps;

namespace TorchKv.Runtime.Cpu.Phases;

/// <summary>Copies a product's results to rows of activations.</summary>
internal sealed unsafe class CopyTarget(RowArray to) : ProductTarget
{
    public override void Publish(StepShape shape, PanelOutputs outputs, int first, int rows, float* tile)
    {
        for (var i = 0; i < rows; i++)
        {
            Row(tile, i, outputs).CopyTo(new Span<float>(to.Row(first + i) + outputs.First, outputs.Count));
        }
    }
}
