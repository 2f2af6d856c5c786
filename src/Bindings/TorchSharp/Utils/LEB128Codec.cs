namespace TorchSharp.Utils;

/// <summary>Non-negative integers in seven-bit groups, the lowest first, as the package's own file format has them.</summary>
public static class LEB128Codec
{
    public static void Encode(this BinaryWriter writer, long value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        writer.Write7BitEncodedInt64(value);
    }

    /// <summary>Reads a number.</summary>
    /// <exception cref="FormatException">It does not end within 64 bits, or is negative.</exception>
    public static long Decode(this BinaryReader reader)
    {
        var value = reader.Read7BitEncodedInt64();
        return value >= 0 ? value : throw new FormatException("a negative number where a count, type or size belongs");
    }
}
