using TorchKv.PortChecking.Text;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Comparison;

/// <summary>
/// Joins outputs along the last dimension, such as queries, keys and values for HuggingFace's c_attn.
/// </summary>
internal static class JoinedOutputs
{
    /// <summary>The shape of the joined output.</summary>
    public static int[] Shape(int[][] shapes) => shapes is [var one]
        ? one
        : [.. shapes[0].SkipLast(1), shapes.Sum(shape => shape.Length == 0 ? 0 : shape[^1])];

    /// <summary>The joined output, under the first one's key.</summary>
    /// <exception cref="TraceException">The outputs have different numbers of rows.</exception>
    public static Activation Join(Activation[] parts)
    {
        if (parts is [var one])
        {
            return one;
        }

        var rows = parts[0].Rows;
        if (Array.Exists(parts, part => part.Rows != rows))
        {
            var shapes = parts.Select(part => $"{part.Key} {Figures.ShapeText(part.Shape)}");
            throw new TraceException($"{string.Join(", ", shapes)} cannot be joined along the last dimension.");
        }

        var values = new float[parts.Sum(part => part.Values.Length)];
        var next = 0;
        for (var row = 0; row < rows; row++)
        {
            foreach (var part in parts)
            {
                part.Row(row).CopyTo(values.AsSpan(next));
                next += part.Columns;
            }
        }

        return new(parts[0].Key, Shape([.. parts.Select(part => part.Shape)]), parts[0].DType, values);
    }
}
