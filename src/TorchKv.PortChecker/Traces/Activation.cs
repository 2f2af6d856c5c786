using TorchKv.Runtime.Checkpoints;

namespace TorchKv.PortChecking.Traces;

/// <summary>The output of one call of one module, as plain numbers.</summary>
/// <param name="Key">The key in the trace.</param>
/// <param name="Shape">Sizes, outermost first; the numbers are row-major.</param>
/// <param name="DType">The type in which the output was computed.</param>
/// <param name="Values">The numbers as float32; float64 and integers are rounded to it.</param>
public sealed record Activation(TraceKey Key, int[] Shape, TensorDType DType, float[] Values)
{
    /// <summary>The size of the last dimension; 1 for a scalar.</summary>
    public int Columns => Shape.Length == 0 ? 1 : Shape[^1];

    /// <summary>The product of all other dimensions.</summary>
    public int Rows => Columns == 0 ? 0 : Values.Length / Columns;

    /// <summary>
    /// The size of the last dimension but one, which is the tokens in most outputs; 1 where there is none.
    /// </summary>
    internal int Tokens => Shape.Length >= 2 ? Shape[^2] : 1;

    /// <summary>The shape without leading ones: (1, 6, 24) and (6, 24) have the same rows.</summary>
    internal ReadOnlySpan<int> TrimmedShape => Shape.AsSpan().TrimStart(1);

    internal ReadOnlySpan<float> Row(int row) => Values.AsSpan(row * Columns, Columns);
}
