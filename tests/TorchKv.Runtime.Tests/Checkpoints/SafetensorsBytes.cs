using System.Buffers.Binary;
using System.Text;

namespace TorchKv.Runtime.Tests.Checkpoints;

/// <summary>Writes safetensors files, right or wrong, byte by byte.</summary>
internal static class SafetensorsBytes
{
    public static void Write(string path, string header, ReadOnlySpan<byte> data, ulong? claimedLength = null) =>
        Write(path, Encoding.UTF8.GetBytes(header), data, claimedLength);

    public static void Write(string path, ReadOnlySpan<byte> json, ReadOnlySpan<byte> data, ulong? claimedLength = null)
    {
        using var file = File.Create(path);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, claimedLength ?? (ulong)json.Length);
        file.Write(length);
        file.Write(json);
        file.Write(data);
    }
}
