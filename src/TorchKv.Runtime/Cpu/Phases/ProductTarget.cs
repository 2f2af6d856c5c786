using TorchKv.Runtime.Cpu.Packing;
using TorchKv.Runtime.Cpu.Steps;

namespace TorchKv.Runtime.Cpu.Phases;

/// <summary>Where a product's results go.</summary>
internal abstract unsafe class ProductTarget
{
    /// <summary>Publishes the results of one panel for consecutive rows.</summary>
    /// <param name="shape">The step.</param>
    /// <param name="outputs">The outputs of the panel.</param>
    /// <param name="first">The first row.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="tile">(rows, 32).</param>
    public abstract void Publish(StepShape shape, PanelOutputs outputs, int first, int rows, float* tile);

    /// <summary>
    /// Prefetches the destination of a panel's results, if it is likely to be in no cache. The parameters are those of
    /// <see cref="Publish"/>.
    /// </summary>
    public virtual void Prefetch(StepShape shape, PanelOutputs outputs, int first, int rows)
    {
    }

    /// <summary>One row of a panel's results.</summary>
    protected static ReadOnlySpan<float> Row(float* tile, int row, PanelOutputs outputs) =>
        new(tile + (row * PackedMatrix.PanelWidth), outputs.Count);
}
