using System.Buffers.Binary;
using System.Text.Json;

namespace TorchSharp.Conformance;

/// <summary>Just enough of the safetensors format to read the reference outputs.</summary>
internal static class SafetensorsFixture
{
    public static Dictionary<string, (string Type, long[] Shape, byte[] Bytes)> Read(string path)
    {
        var file = File.ReadAllBytes(path);
        var header = checked((int)BinaryPrimitives.ReadInt64LittleEndian(file));
        using var document = JsonDocument.Parse(file.AsMemory(8, header));
        var tensors = new Dictionary<string, (string, long[], byte[])>();
        foreach (var entry in document.RootElement.EnumerateObject())
        {
            if (entry.Name == "__metadata__")
            {
                continue;
            }
            var offsets = entry.Value.GetProperty("data_offsets");
            var shape = entry.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64()).ToArray();
            tensors[entry.Name] = (entry.Value.GetProperty("dtype").GetString()!, shape,
                file[(8 + header + offsets[0].GetInt32())..(8 + header + offsets[1].GetInt32())]);
        }
        return tensors;
    }
}
