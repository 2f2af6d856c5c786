using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace TorchKv.Runtime.Checkpoints;

/// <summary>Writes safetensors files as the format's own writer lays them out: largest elements first, then by name.</summary>
public static class SafetensorsWriter
{
    // A multiple of every element size: pieces hold whole elements.
    private const int PieceBytes = 4 << 20;

    /// <summary>Writes a file beside <paramref name="path"/> and then renames it, so that no reader sees half a file.</summary>
    /// <param name="path">The file to make or replace.</param>
    /// <param name="tensors">What to write; names are unique.</param>
    /// <param name="metadata">The header's <c>__metadata__</c>; transformers asks for <c>format</c> = <c>pt</c>.</param>
    /// <exception cref="CheckpointException">A name appears twice, or the file cannot be written; there is no new file then.</exception>
    public static void Write(string path, IEnumerable<TensorSource> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var temporary = path + ".tmp";
        try
        {
            WriteWhole(temporary, path, tensors, metadata);
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception error)
        {
            TryDelete(temporary);
            if (error is IOException or UnauthorizedAccessException)
            {
                throw new CheckpointException(path, null, $"cannot be written: {error.Message}", error);
            }

            throw;
        }
    }

    internal static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The error that led here is the one to report.
        }
    }

    private static void WriteWhole(string temporary, string path, IEnumerable<TensorSource> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var ordered = tensors.OrderByDescending(tensor => tensor.DType.ByteSize()).ThenBy(tensor => tensor.Name, StringComparer.Ordinal).ToList();
        for (var i = 1; i < ordered.Count; i++)
        {
            if (ordered[i].Name == ordered[i - 1].Name)
            {
                throw new CheckpointException(path, ordered[i].Name, "is to be written twice.");
            }
        }

        var header = Header(ordered, metadata);
        using var file = File.OpenHandle(temporary, FileMode.Create, FileAccess.Write, FileShare.None, preallocationSize: header.Length + ordered.Sum(tensor => tensor.ByteCount));
        RandomAccess.Write(file, header, 0);
        var position = (long)header.Length;
        var buffer = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            foreach (var tensor in ordered)
            {
                WriteData(file, tensor, position, buffer.AsSpan(0, PieceBytes));
                position += tensor.ByteCount;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static void WriteData(SafeFileHandle file, TensorSource tensor, long position, Span<byte> buffer)
    {
        for (var start = 0L; start < tensor.ByteCount; start += buffer.Length)
        {
            var piece = buffer[..(int)Math.Min(buffer.Length, tensor.ByteCount - start)];
            tensor.Read(piece, start);
            RandomAccess.Write(file, piece, position + start);
        }
    }

    private static byte[] Header(List<TensorSource> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        using var bytes = new MemoryStream();
        bytes.Write(new byte[SafetensorsHeader.LengthBytes]);
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject("__metadata__");
                foreach (var (key, value) in metadata)
                {
                    json.WriteString(key, value);
                }

                json.WriteEndObject();
            }

            var offset = 0L;
            foreach (var tensor in tensors)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.DType.SafetensorsName());
                json.WriteStartArray("shape");
                foreach (var size in tensor.Shape)
                {
                    json.WriteNumberValue(size);
                }

                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += tensor.ByteCount);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        // Data begins at a multiple of eight, so that a mapped tensor is aligned to its elements.
        while (bytes.Length % 8 != 0)
        {
            bytes.WriteByte((byte)' ');
        }

        var header = bytes.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(header, header.Length - SafetensorsHeader.LengthBytes);
        return header;
    }
}
