using System.Text.Json;
using System.Text.Json.Serialization;

namespace TorchKv.Server.Contracts;

/// <summary>Writes a <see cref="ChunkUsage"/> as its value.</summary>
internal sealed class ChunkUsageConverter : JsonConverter<ChunkUsage>
{
    public override ChunkUsage Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        => new(JsonSerializer.Deserialize(ref reader, ServerJson.Default.UsageInfo));

    public override void Write(Utf8JsonWriter writer, ChunkUsage value, JsonSerializerOptions options)
    {
        if (value.Value is { } usage)
        {
            JsonSerializer.Serialize(writer, usage, ServerJson.Default.UsageInfo);
        }
        else
        {
            writer.WriteNullValue();
        }
    }
}
