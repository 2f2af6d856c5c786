using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.Runtime.Cpu.Packing;
using TorchKv.Runtime.Cpu.Steps;

namespace TorchKv.Runtime.Cpu.Phases;

/// <summary>Copies a product's results to the caller's logits, (wanted, vocabulary).</summary>
internal sealed unsafe class LogitsTarget(int vocabulary) : ProductTarget
{
    public override void Publish(StepShape shape, PanelOutputs outputs, int first, int rows, float* tile)
    {
        for (var i = 0; i < rows; i++)
        {
            Row(tile, i, outputs).CopyTo(new Span<float>(At(shape, first + i, outputs), outputs.Count));
        }
    }

    public override void Prefetch(StepShape shape, PanelOutputs outputs, int first, int rows)
    {
        for (var row = first; row < first + rows; row++)
        {
            Kernels.Prefetch.Lines((byte*)At(shape, row, outputs), outputs.Count * sizeof(float));
        }
    }

    private float* At(StepShape shape, int row, PanelOutputs outputs) =>
        shape.Logits + ((long)row * vocabulary) + outputs.First;
}
