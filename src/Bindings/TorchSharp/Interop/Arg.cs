using System.Runtime.InteropServices;

namespace TorchSharp.Interop;

/// <summary>What native/torchkv.h calls Value: 16 bytes, blittable.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Value
{
    public long Bits;
    public Tag Tag;
    public int Count;
}

internal enum Tag
{
    None = 0,
    Tensor = 1,
    Int = 2,
    Double = 3,
    Bool = 4,
    IntList = 5,
    DoubleList = 6,
    TensorList = 7,
    OptionalTensorList = 8,
    String = 9,
    Device = 10,
    Generator = 11,
    Default = 12,
}

/// <summary>
/// An operator's argument before it is lowered to a <see cref="Value"/>: either bits, or a reference that must outlive the call.
/// </summary>
internal readonly struct Arg
{
    /// <summary>A Tensor, long[], double[], Tensor list, string or Generator; null where <see cref="Bits"/> says it all.</summary>
    public readonly object? Reference;
    public readonly long Bits;
    public readonly Tag Tag;
    public readonly int Count;

    private Arg(object? reference, long bits, Tag tag, int count = 0)
    {
        Reference = reference;
        Bits = bits;
        Tag = tag;
        Count = count;
    }

    public static Arg None => default;

    /// <summary>The schema's own default value.</summary>
    public static Arg Default => new(null, 0, Tag.Default);

    public static unsafe Arg List(ReadOnlySpan<long> pinned)
    {
        // The caller holds the span still (stack memory, or inside fixed).
        fixed (long* first = pinned)
        {
            return new(null, (long)first, Tag.IntList, pinned.Length);
        }
    }

    public static Arg List(long[]? values) => values is null ? None : new(values, 0, Tag.IntList, values.Length);
    public static Arg List(double[]? values) => values is null ? None : new(values, 0, Tag.DoubleList, values.Length);
    public static Arg List(torch.Tensor[] tensors) => new(tensors, 0, Tag.TensorList, tensors.Length);
    public static Arg Indices(torch.Tensor?[] tensors, int count) => new(tensors, 0, Tag.OptionalTensorList, count);

    public static implicit operator Arg(torch.Tensor? tensor) => tensor is null ? default : new(tensor, 0, Tag.Tensor);
    public static implicit operator Arg(long value) => new(null, value, Tag.Int);
    public static implicit operator Arg(int value) => new(null, value, Tag.Int);
    public static implicit operator Arg(long? value) => value is null ? default : new(null, value.Value, Tag.Int);
    public static implicit operator Arg(double value) => new(null, BitConverter.DoubleToInt64Bits(value), Tag.Double);
    public static implicit operator Arg(double? value) => value is null ? default : value.Value;
    public static implicit operator Arg(bool value) => new(null, value ? 1 : 0, Tag.Bool);
    public static implicit operator Arg(bool? value) => value is null ? default : value.Value;
    public static implicit operator Arg(string? value) => value is null ? default : new(value, 0, Tag.String);
    public static implicit operator Arg(long[]? values) => List(values);
    public static implicit operator Arg(double[]? values) => List(values);
    public static implicit operator Arg(torch.Tensor[] tensors) => List(tensors);
    public static implicit operator Arg(torch.ScalarType type) => new(null, (long)type, Tag.Int);
    public static implicit operator Arg(torch.ScalarType? type) => type is null ? default : new(null, (long)type.Value, Tag.Int);
    public static implicit operator Arg(Scalar value) => new(null, value.Bits, value.Tag);
    public static implicit operator Arg(Scalar? value) => value is null ? default : (Arg)value.Value;
    public static implicit operator Arg(torch.Device? device) => device is null ? default : new(null, device.Packed, Tag.Device);
    public static implicit operator Arg(torch.Generator? generator) => generator is null ? default : new(generator, 0, Tag.Generator);
}
