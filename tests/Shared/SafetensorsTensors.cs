using System.Buffers.Binary;
using System.Text.Json;

namespace TorchKv.TestSupport;

/// <summary>A tensor as float32, row-major.</summary>
internal sealed record FloatTensor(int[] Shape, float[] Values)
{
    /// <summary>Row i of the first dimension.</summary>
    public ReadOnlySpan<float> Row(int i) => Values.AsSpan(i * (Values.Length / Shape[0]), Values.Length / Shape[0]);
}

/// <summary>Reads fixtures' safetensors files, trusting them. Deliberately not the product's reader: what the product is held against must not come from it.</summary>
internal static class SafetensorsTensors
{
    /// <summary>All tensors of float type in a file.</summary>
    public static Dictionary<string, FloatTensor> Read(string file)
    {
        var bytes = File.ReadAllBytes(file);
        var headerLength = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        using var header = JsonDocument.Parse(bytes.AsMemory(8, headerLength));
        var tensors = new Dictionary<string, FloatTensor>();
        foreach (var entry in header.RootElement.EnumerateObject())
        {
            if (entry.Name == "__metadata__" || entry.Value.GetProperty("dtype").GetString() is not ("F32" or "F16" or "BF16"))
            {
                continue;
            }

            var offsets = entry.Value.GetProperty("data_offsets");
            var start = 8 + headerLength + offsets[0].GetInt32();
            var data = bytes.AsSpan(start, offsets[1].GetInt32() - offsets[0].GetInt32());
            tensors.Add(entry.Name, new FloatTensor(
                [.. entry.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt32())],
                Convert(data, entry.Value.GetProperty("dtype").GetString()!)));
        }

        return tensors;
    }

    /// <summary>All tensors of a model folder: one file or shards.</summary>
    public static Dictionary<string, FloatTensor> ReadFolder(string folder)
        => Directory.GetFiles(folder, "model*.safetensors").SelectMany(Read).ToDictionary(pair => pair.Key, pair => pair.Value);

    private static float[] Convert(ReadOnlySpan<byte> data, string dtype)
    {
        var values = new float[data.Length / (dtype == "F32" ? 4 : 2)];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = dtype switch
            {
                "F32" => BinaryPrimitives.ReadSingleLittleEndian(data[(4 * i)..]),
                "F16" => (float)BinaryPrimitives.ReadHalfLittleEndian(data[(2 * i)..]),
                _ => BitConverter.Int32BitsToSingle(BinaryPrimitives.ReadInt16LittleEndian(data[(2 * i)..]) << 16),
            };
        }

        return values;
    }
}
