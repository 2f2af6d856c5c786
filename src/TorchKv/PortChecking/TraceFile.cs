using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Files;
using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.PortChecking;

/// <summary>Writes traces. The file appears under its name when it is whole.</summary>
internal static class TraceFile
{
    public static void Write(
        string path, IReadOnlyDictionary<string, string> metadata, IReadOnlyList<TraceKey> order, Func<TraceKey, Activation> read)
    {
        try
        {
            AtomicFile.Write(path, WriteTo);
        }
        catch (OutputFileException error)
        {
            throw new TraceException(error.Message, error);
        }

        void WriteTo(Stream file)
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

/// <summary>The numbers of a trace's tensors, from and to the types of a file.</summary>
internal static class TraceNumbers
{
    /// <summary>What a type is kept as: the half floats keep their bits, everything else fits float32 or was rounded to it.</summary>
    public static TensorDType FileType(TensorDType dtype) =>
        dtype is TensorDType.Float16 or TensorDType.BFloat16 ? dtype : TensorDType.Float32;

    public static float[] Read(CheckpointTensor tensor)
    {
        var values = new float[tensor.ElementCount];
        if (tensor.DType is TensorDType.Float32 or TensorDType.Float16 or TensorDType.BFloat16 or TensorDType.Float64)
        {
            tensor.CopyTo(values);
            return values;
        }

        var bytes = new byte[tensor.ByteCount];
        tensor.ReadBytes(bytes);
        Action<int> convert = tensor.DType switch
        {
            TensorDType.Bool or TensorDType.UInt8 => i => values[i] = bytes[i],
            TensorDType.Int8 => i => values[i] = (sbyte)bytes[i],
            TensorDType.Int16 => i => values[i] = BinaryPrimitives.ReadInt16LittleEndian(bytes.AsSpan(i * 2)),
            TensorDType.UInt16 => i => values[i] = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(i * 2)),
            TensorDType.Int32 => i => values[i] = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(i * 4)),
            TensorDType.UInt32 => i => values[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(i * 4)),
            TensorDType.Int64 => i => values[i] = BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(i * 8)),
            TensorDType.UInt64 => i => values[i] = BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(i * 8)),
            _ => throw new TraceException($"{tensor.FilePath}: {tensor.Name} is {tensor.DType.SafetensorsName()}, which a trace does not hold."),
        };
        for (var i = 0; i < values.Length; i++)
        {
            convert(i);
        }

        return values;
    }

    public static void Write(Stream file, Activation activation)
    {
        var type = FileType(activation.DType);
        if (type == TensorDType.Float32 && BitConverter.IsLittleEndian)
        {
            file.Write(MemoryMarshal.AsBytes(activation.Values.AsSpan()));
            return;
        }

        Span<byte> one = stackalloc byte[sizeof(float)];
        foreach (var value in activation.Values)
        {
            switch (type)
            {
                case TensorDType.Float16:
                    BinaryPrimitives.WriteHalfLittleEndian(one, (Half)value);
                    break;
                case TensorDType.BFloat16:
                    // The numbers were bfloat16 to begin with: nothing is cut off.
                    BinaryPrimitives.WriteUInt16LittleEndian(one, (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16));
                    break;
                default:
                    BinaryPrimitives.WriteSingleLittleEndian(one, value);
                    break;
            }

            file.Write(one[..type.ByteSize()]);
        }
    }
}
