using System.Buffers.Binary;
using TorchKv.Runtime.Checkpoints;

namespace TorchKv.PortChecking.Traces;

/// <summary>Reads the numbers of a trace's tensors as float32.</summary>
internal static class TraceNumbers
{
    /// <summary>Reads a whole tensor.</summary>
    /// <exception cref="CheckpointException">The file has changed since it was opened.</exception>
    /// <exception cref="TraceException">
    /// The tensor's type is neither a float of 16 bits or more nor an integer.
    /// </exception>
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
        var size = tensor.DType.ByteSize();
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = Integer(tensor, bytes.AsSpan(i * size, size));
        }

        return values;
    }

    private static float Integer(CheckpointTensor tensor, ReadOnlySpan<byte> bytes) => tensor.DType switch
    {
        TensorDType.Bool or TensorDType.UInt8 => bytes[0],
        TensorDType.Int8 => (sbyte)bytes[0],
        TensorDType.Int16 => BinaryPrimitives.ReadInt16LittleEndian(bytes),
        TensorDType.UInt16 => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
        TensorDType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(bytes),
        TensorDType.UInt32 => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
        TensorDType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(bytes),
        TensorDType.UInt64 => BinaryPrimitives.ReadUInt64LittleEndian(bytes),
        _ => throw new TraceException(
            $"{tensor.FilePath}: {tensor.Name} is {tensor.DType.SafetensorsName()}, which a trace does not hold."),
    };
}
