using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using TorchKv.Runtime.Checkpoints;

namespace TorchKv.PortChecking.Traces;

/// <summary>Writes traces. The file appears under its name when it is whole.</summary>
internal static class TraceFile
{
    private const int BufferBytes = 1 << 16;

    public static void Write(
        string path, IReadOnlyDictionary<string, string> metadata, IReadOnlyList<TraceKey> order, Func<TraceKey, Activation> read)
    {
        var part = path + ".part";
        try
        {
            using (var file = new FileStream(part, FileMode.Create, FileAccess.Write, FileShare.None, BufferBytes))
            {
                var header = Header(metadata, order, read);
                Span<byte> length = stackalloc byte[sizeof(ulong)];
                BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
                file.Write(length);
                file.Write(header);
                foreach (var key in order)
                {
                    TraceNumbers.Write(file, read(key));
                }
            }

            File.Move(part, path, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new TraceException($"{path} cannot be written: {error.Message}", error);
        }
        finally
        {
            if (File.Exists(part))
            {
                File.Delete(part);
            }
        }
    }

    private static byte[] Header(IReadOnlyDictionary<string, string> metadata, IReadOnlyList<TraceKey> order, Func<TraceKey, Activation> read)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            foreach (var (key, value) in metadata)
            {
                json.WriteString(key, value);
            }

            json.WriteString("order", "[" + string.Join(",", order.Select(key => $"\"{JsonEncodedText.Encode(key.ToString())}\"")) + "]");
            json.WriteEndObject();
            long offset = 0;
            foreach (var key in order)
            {
                var activation = read(key);
                var size = (long)activation.Values.Length * TraceNumbers.FileType(activation.DType).ByteSize();
                json.WriteStartObject(key.ToString());
                json.WriteString("dtype", TraceNumbers.FileType(activation.DType).SafetensorsName());
                json.WriteStartArray("shape");
                foreach (var length in activation.Shape)
                {
                    json.WriteNumberValue(length);
                }

                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += size);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (buffer.Length % 8 != 0)
        {
            buffer.WriteByte((byte)' ');
        }

        return buffer.ToArray();
    }
}
