using System.Numerics;
using TorchKv.Runtime.Cpu.Packing;
using TorchKv.Runtime.Cpu.Steps;

namespace TorchKv.Runtime.Cpu.Phases;

/// <summary>Adds a product's results to rows of activations: the residual connection.</summary>
internal sealed unsafe class AddTarget(RowArray to) : ProductTarget
{
    public override void Publish(StepShape shape, PanelOutputs outputs, int first, int rows, float* tile)
    {
        for (var i = 0; i < rows; i++)
        {
            Add(new Span<float>(to.Row(first + i) + outputs.First, outputs.Count), Row(tile, i, outputs));
        }
    }

    private static void Add(Span<float> to, ReadOnlySpan<float> from)
    {
        var j = 0;
        for (; j + Vector<float>.Count <= to.Length; j += Vector<float>.Count)
        {
            (new Vector<float>(to[j..]) + new Vector<float>(from[j..])).CopyTo(to[j..]);
        }

        for (; j < to.Length; j++)
        {
            to[j] += from[j];
        }
    }
}
