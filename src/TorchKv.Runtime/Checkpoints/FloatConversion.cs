using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace TorchKv.Runtime.Checkpoints;

/// <summary>
/// Converts a file's floating dtypes (little-endian) to float32, exactly but for F64, and back, rounding to nearest
/// even.
/// </summary>
internal static class FloatConversion
{
    public static bool Supports(TensorDType dtype) =>
        dtype is TensorDType.Float32 or TensorDType.Float16 or TensorDType.BFloat16 or TensorDType.Float64;

    public static void ToSingle(TensorDType dtype, ReadOnlySpan<byte> source, Span<float> destination)
    {
        switch (dtype)
        {
            case TensorDType.Float32:
                source.CopyTo(MemoryMarshal.AsBytes(destination));
                if (!BitConverter.IsLittleEndian)
                {
                    ReverseEndianness(destination);
                }

                break;
            case TensorDType.Float16:
                HalfToSingle(source, destination);
                break;
            case TensorDType.BFloat16:
                BFloat16ToSingle(source, destination);
                break;
            case TensorDType.Float64:
                for (var i = 0; i < destination.Length; i++)
                {
                    destination[i] = (float)BinaryPrimitives.ReadDoubleLittleEndian(source[(i * 8)..]);
                }

                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "not a floating dtype");
        }
    }

    public static void FromSingle(TensorDType dtype, ReadOnlySpan<float> source, Span<byte> destination)
    {
        if (dtype == TensorDType.Float32 && BitConverter.IsLittleEndian)
        {
            MemoryMarshal.AsBytes(source).CopyTo(destination);
            return;
        }

        for (var i = 0; i < source.Length; i++)
        {
            switch (dtype)
            {
                case TensorDType.Float32:
                    BinaryPrimitives.WriteSingleLittleEndian(destination[(i * 4)..], source[i]);
                    break;
                case TensorDType.Float16:
                    BinaryPrimitives.WriteHalfLittleEndian(destination[(i * 2)..], (Half)source[i]);
                    break;
                case TensorDType.BFloat16:
                    BinaryPrimitives.WriteUInt16LittleEndian(destination[(i * 2)..], ToBFloat16(source[i]));
                    break;
                case TensorDType.Float64:
                    BinaryPrimitives.WriteDoubleLittleEndian(destination[(i * 8)..], source[i]);
                    break;
                default:
                    throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "not a floating dtype");
            }
        }
    }

    public static void ReverseEndianness(Span<float> values)
    {
        var bits = MemoryMarshal.Cast<float, int>(values);
        BinaryPrimitives.ReverseEndianness(bits, bits);
    }

    private static ushort ToBFloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);

        // A NaN with bits in the lower half alone would become infinity.
        return float.IsNaN(value)
            ? (ushort)((bits >> 16) | 0x40)
            : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    private static void BFloat16ToSingle(ReadOnlySpan<byte> source, Span<float> destination)
    {
        var i = 0;
        if (BitConverter.IsLittleEndian && Vector256.IsHardwareAccelerated)
        {
            for (; i <= destination.Length - Vector256<ushort>.Count; i += Vector256<ushort>.Count)
            {
                var (low, high) = Vector256.Widen(Vector256.Create<byte>(source.Slice(i * 2, 32)).AsUInt16());
                (low << 16).AsSingle().CopyTo(destination[i..]);
                (high << 16).AsSingle().CopyTo(destination[(i + Vector256<float>.Count)..]);
            }
        }

        for (; i < destination.Length; i++)
        {
            var half = BinaryPrimitives.ReadUInt16LittleEndian(source[(i * 2)..]);
            destination[i] = BitConverter.UInt32BitsToSingle((uint)half << 16);
        }
    }

    private static void HalfToSingle(ReadOnlySpan<byte> source, Span<float> destination)
    {
        var i = 0;
        if (BitConverter.IsLittleEndian && Vector256.IsHardwareAccelerated)
        {
            for (; i <= destination.Length - Vector256<ushort>.Count; i += Vector256<ushort>.Count)
            {
                var (low, high) = Vector256.Widen(Vector256.Create<byte>(source.Slice(i * 2, 32)).AsUInt16());
                HalfToSingle(low).CopyTo(destination[i..]);
                HalfToSingle(high).CopyTo(destination[(i + Vector256<float>.Count)..]);
            }
        }

        for (; i < destination.Length; i++)
        {
            destination[i] = (float)BinaryPrimitives.ReadHalfLittleEndian(source[(i * 2)..]);
        }
    }

    /// <summary>
    /// Exponent and mantissa moved to float32's places give the value times 2⁻¹¹² (the exponents' biases are 15 and
    /// 127); the product with 2¹¹² is exact, subnormal halves included. Infinities and NaNs get float32's exponent
    /// instead.
    /// </summary>
    private static Vector256<float> HalfToSingle(Vector256<uint> half)
    {
        var magnitude = half & Vector256.Create(0x7FFFu);
        var scale = Vector256.Create(BitConverter.UInt32BitsToSingle((112u + 127) << 23));
        var finite = ((magnitude << 13).AsSingle() * scale).AsUInt32();
        var special = (magnitude << 13) | Vector256.Create(0x7F800000u);
        var isSpecial = Vector256.GreaterThanOrEqual(magnitude, Vector256.Create(0x7C00u));
        var sign = (half & Vector256.Create(0x8000u)) << 16;
        return (Vector256.ConditionalSelect(isSpecial, special, finite) | sign).AsSingle();
    }
}
