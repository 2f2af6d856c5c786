using System.Globalization;
using TorchSharp.Interop;
using static TorchSharp.torch;

namespace TorchSharp;

/// <summary>A number of any element type. A value here (the package has a class over native memory): <c>x * 2</c> allocates nothing for it.</summary>
public readonly struct Scalar : IDisposable
{
    internal readonly long Bits;

    private Scalar(long bits, ScalarType type)
    {
        Bits = bits;
        Type = type;
    }

    public ScalarType Type { get; }

    internal Tag Tag => Type switch
    {
        ScalarType.Bool => Tag.Bool,
        ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float32 or ScalarType.Float64 => Tag.Double,
        _ => Tag.Int,
    };

    internal double AsDouble => Tag == Tag.Double ? BitConverter.Int64BitsToDouble(Bits) : Bits;

    internal long AsInt64 => Tag == Tag.Double ? checked((long)BitConverter.Int64BitsToDouble(Bits)) : Bits;

    internal static Scalar From(Value value) => value.Tag switch
    {
        Tag.Double => new(value.Bits, ScalarType.Float64),
        Tag.Bool => new(value.Bits, ScalarType.Bool),
        _ => new(value.Bits, ScalarType.Int64),
    };

    internal Scalar As(ScalarType type) => new(Bits, type);

    private static Scalar Floating(double value, ScalarType type) => new(BitConverter.DoubleToInt64Bits(value), type);

    public static implicit operator Scalar(byte value) => new(value, ScalarType.Byte);
    public static implicit operator Scalar(sbyte value) => new(value, ScalarType.Int8);
    public static implicit operator Scalar(short value) => new(value, ScalarType.Int16);
    public static implicit operator Scalar(int value) => new(value, ScalarType.Int32);
    public static implicit operator Scalar(long value) => new(value, ScalarType.Int64);
    public static implicit operator Scalar(Half value) => Floating((double)value, ScalarType.Float16);
    public static implicit operator Scalar(float value) => Floating(value, ScalarType.Float32);
    public static implicit operator Scalar(double value) => Floating(value, ScalarType.Float64);
    public static implicit operator Scalar(bool value) => new(value ? 1 : 0, ScalarType.Bool);

    /// <summary>Nothing to release; there for code that disposes the package's scalars.</summary>
    public void Dispose()
    {
    }

    public override string ToString() =>
        Tag == Tag.Double ? AsDouble.ToString(CultureInfo.InvariantCulture) : Type == ScalarType.Bool ? (Bits != 0 ? "True" : "False") : Bits.ToString(CultureInfo.InvariantCulture);
}

public static class ScalarExtensionMethods
{
    public static Scalar ToScalar(this byte value) => value;
    public static Scalar ToScalar(this sbyte value) => value;
    public static Scalar ToScalar(this short value) => value;
    public static Scalar ToScalar(this int value) => value;
    public static Scalar ToScalar(this long value) => value;
    public static Scalar ToScalar(this float value) => value;
    public static Scalar ToScalar(this double value) => value;
    public static Scalar ToScalar(this bool value) => value;
    public static Scalar ToScalar(this Half value) => value;

    public static bool ToBoolean(this Scalar value) => value.Tag == Tag.Double ? value.AsDouble != 0 : value.Bits != 0;
    public static byte ToByte(this Scalar value) => checked((byte)value.AsInt64);
    public static sbyte ToSByte(this Scalar value) => checked((sbyte)value.AsInt64);
    public static short ToInt16(this Scalar value) => checked((short)value.AsInt64);
    public static int ToInt32(this Scalar value) => checked((int)value.AsInt64);
    public static long ToInt64(this Scalar value) => value.AsInt64;
    public static Half ToHalf(this Scalar value) => (Half)value.AsDouble;
    public static float ToSingle(this Scalar value) => (float)value.AsDouble;
    public static double ToDouble(this Scalar value) => value.AsDouble;
}
