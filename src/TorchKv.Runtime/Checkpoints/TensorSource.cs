using System.Collections.Immutable;

namespace TorchKv.Runtime.Checkpoints;

/// <summary>Fills <paramref name="destination"/> with bytes of a tensor's data, little-endian and row-major.</summary>
/// <param name="destination">Whole elements.</param>
/// <param name="start">The first byte wanted, counted from the tensor's first.</param>
public delegate void TensorReader(Span<byte> destination, long start);

/// <summary>
/// A tensor to be written: its name, dtype and shape, and where its bytes come from, piece by piece and in order.
/// </summary>
public sealed class TensorSource
{
    /// <summary>A tensor whose bytes <paramref name="read"/> gives.</summary>
    /// <exception cref="ArgumentException">
    /// A size is negative, or the product of the sizes is larger than any file.
    /// </exception>
    public TensorSource(string name, TensorDType dtype, ImmutableArray<long> shape, TensorReader read)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Int128 elements = 1;
        foreach (var size in shape)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(size, nameof(shape));
            elements *= size;
            ArgumentOutOfRangeException.ThrowIfGreaterThan(elements, long.MaxValue / 8, nameof(shape));
        }

        Name = name;
        DType = dtype;
        Shape = shape;
        ElementCount = (long)elements;
        Read = read;
    }

    /// <summary>A copy of a tensor of another checkpoint.</summary>
    public TensorSource(CheckpointTensor tensor)
        : this(tensor.Name, tensor.DType, tensor.Shape, tensor.ReadBytes)
    {
    }

    /// <summary>The tensor's name in the file.</summary>
    public string Name { get; }

    /// <summary>The elements' type in the file.</summary>
    public TensorDType DType { get; }

    /// <summary>Sizes, outermost first.</summary>
    public ImmutableArray<long> Shape { get; }

    /// <summary>The product of <see cref="Shape"/>.</summary>
    public long ElementCount { get; }

    /// <summary>Bytes in the file.</summary>
    public long ByteCount => ElementCount * DType.ByteSize();

    internal TensorReader Read { get; }

    /// <summary>
    /// A tensor of float32 values in memory, converted to <paramref name="dtype"/> (a floating one) as it is written.
    /// </summary>
    /// <exception cref="ArgumentException">The values are not as many as the shape has elements.</exception>
    public static TensorSource FromSingles(
        string name, ImmutableArray<long> shape, ReadOnlyMemory<float> values, TensorDType dtype = TensorDType.Float32)
    {
        var size = dtype.ByteSize();
        var source = new TensorSource(name, dtype, shape, (destination, start) => FloatConversion.FromSingle(
            dtype, values.Span.Slice((int)(start / size), destination.Length / size), destination));
        return source.ElementCount == values.Length
            ? source
            : throw new ArgumentException(
                $"{name}: {values.Length} values for shape [{string.Join(", ", shape)}].", nameof(values));
    }
}
