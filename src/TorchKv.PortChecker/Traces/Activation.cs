using TorchKv.Runtime.Checkpoints;

namespace TorchKv.PortChecking.Traces;

/// <summary>What one call of one module gave: plain numbers, no tensor.</summary>
/// <param name="Key">Its key in the trace.</param>
/// <param name="Shape">Sizes, outermost first; row-major.</param>
/// <param name="DType">The type that it was computed in.</param>
/// <param name="Values">The numbers, widened to float32 (float64 and integers are rounded to it).</param>
public sealed record Activation(TraceKey Key, int[] Shape, TensorDType DType, float[] Values)
{
    /// <summary>Size of the last dimension; 1 for a scalar.</summary>
    public int Columns => Shape.Length == 0 ? 1 : Shape[^1];

    /// <summary>Product of all other dimensions.</summary>
    public int Rows => Columns == 0 ? 0 : Values.Length / Columns;

    internal ReadOnlySpan<float> Row(int row) => Values.AsSpan(row * Columns, Columns);

    internal bool SameShape(Activation other) => Shape.AsSpan().SequenceEqual(other.Shape);

    /// <summary>The shape without leading ones: (1, 6, 24) and (6, 24) hold the same rows.</summary>
    internal ReadOnlySpan<int> TrimmedShape => Shape.AsSpan().TrimStart(1);
}
