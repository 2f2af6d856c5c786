using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using TorchKv.Runtime.Files;

namespace TorchKv.Runtime.Checkpoints;

/// <summary>
/// Writes safetensors files as the format's own writer lays them out: largest elements first, then by name.
/// </summary>
public static class SafetensorsWriter
{
    // A multiple of every element size: pieces hold whole elements.
    private const int PieceBytes = 4 << 20;

    /// <summary>Writes a file. A reader sees the old file or the whole new one.</summary>
    /// <param name="path">The file to make or replace.</param>
    /// <param name="tensors">What to write; names are unique.</param>
    /// <param name="metadata">
    /// The header's <c>__metadata__</c>; transformers asks for <c>format</c> = <c>pt</c>.
    /// </param>
    /// <exception cref="CheckpointException">
    /// A name appears twice, or the file cannot be written; there is no new file then.
    /// </exception>
    public static void Write(
        string path, IEnumerable<TensorSource> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        try
        {
            using var file = Prepare(path, tensors, metadata);
            file.Commit();
        }
        catch (OutputFileException error)
        {
            throw new CheckpointException(path, null, error.Reason, error);
        }
    }

    /// <summary>Writes a whole file that takes its name when it is committed.</summary>
    /// <exception cref="CheckpointException">A name appears twice.</exception>
    /// <exception cref="OutputFileException">The file cannot be written.</exception>
    internal static AtomicFile Prepare(
        string path, IEnumerable<TensorSource> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var ordered = tensors.OrderByDescending(tensor => tensor.DType.ByteSize())
            .ThenBy(tensor => tensor.Name, StringComparer.Ordinal)
            .ToList();
        for (var i = 1; i < ordered.Count; i++)
        {
            if (ordered[i].Name == ordered[i - 1].Name)
            {
                throw new CheckpointException(path, ordered[i].Name, "is to be written twice.");
            }
        }

        var header = Header(ordered, metadata);
        return AtomicFile.Prepare(path, Write, header.Length + ordered.Sum(tensor => tensor.ByteCount));

        void Write(Stream file)
        {
            file.Write(header);
            var buffer = ArrayPool<byte>.Shared.Rent(PieceBytes);
            try
            {
                ordered.ForEach(tensor => WriteData(file, tensor, buffer.AsSpan(0, PieceBytes)));
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
    }

    private static void WriteData(Stream file, TensorSource tensor, Span<byte> buffer)
    {
        for (var start = 0L; start < tensor.ByteCount; start += buffer.Length)
        {
            var piece = buffer[..(int)Math.Min(buffer.Length, tensor.ByteCount - start)];
            tensor.Read(piece, start);
            file.Write(piece);
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
