using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace TorchKv.Batch.Lines;

/// <summary>
/// The name of a line's answer, made from the line and all else that decides what the answer is: the same line gets the
/// same name, ids and draws however often it runs, and another line or another model gets others.
/// </summary>
/// <param name="Hash">The first 16 bytes of a SHA-256.</param>
internal readonly record struct LineName(UInt128 Hash)
{
    /// <summary>Its length in hexadecimal digits.</summary>
    public const int Length = 32;

    /// <summary>The name of a line.</summary>
    /// <param name="settings">What else decides the answer.</param>
    /// <param name="line">The line.</param>
    public static LineName Of(ReadOnlySpan<byte> settings, ReadOnlySpan<byte> line)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, settings.Length);
        hash.AppendData(length);
        hash.AppendData(settings);
        hash.AppendData(line);
        return new LineName(First(hash));
    }

    /// <summary>A name made of a text; the database makes the same one of it.</summary>
    public static LineName OfText(string text) => new(BinaryPrimitives.ReadUInt128BigEndian(
        SHA256.HashData(Encoding.UTF8.GetBytes(text))));

    /// <summary>128 bits of a text's SHA-256, to find it by.</summary>
    public static UInt128 HashOf(string text)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(text.AsSpan()));
        return First(hash);
    }

    /// <summary>A seed for the line's draws: one that a request may name too.</summary>
    public ulong Seed => ((ulong)(Hash >> 64) ^ (ulong)Hash) & long.MaxValue;

    public override string ToString() => Hash.ToString("x32", System.Globalization.CultureInfo.InvariantCulture);

    private static UInt128 First(IncrementalHash hash)
    {
        Span<byte> digest = stackalloc byte[32];
        hash.GetHashAndReset(digest);
        return BinaryPrimitives.ReadUInt128BigEndian(digest);
    }
}
