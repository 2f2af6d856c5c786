using System.Text.Json;
using System.Text.Json.Serialization;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Errors;
using TorchKv.Server.Requests;

namespace TorchKv.Server.Internal;

/// <summary>Writes a constraint as the field that asked for it, and reads it as that field is read.</summary>
internal sealed class ConstraintConverter : JsonConverter<TokenConstraint>
{
    public override TokenConstraint? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var source = JsonElement.ParseValue(ref reader);
        try
        {
            return source.ValueKind == JsonValueKind.Null ? null : AnswerFormats.OfKind(
                source.GetProperty("kind").GetString()!,
                source.GetProperty("value"),
                source.GetProperty("field").GetString()!,
                source.GetProperty("flexible").GetBoolean());
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or ApiException)
        {
            throw new JsonException("A constraint has a field, a kind, a value and flexible, true or false.", e);
        }
    }

    public override void Write(Utf8JsonWriter writer, TokenConstraint value, JsonSerializerOptions options)
    {
        if (value is not NamedConstraint named)
        {
            throw new JsonException("Only a constraint that a request's field asks for can be sent to a replica.");
        }

        writer.WriteStartObject();
        writer.WriteString("kind", named.Kind);
        writer.WriteString("field", named.Field);
        writer.WriteBoolean("flexible", named.IsFlexible);
        writer.WritePropertyName("value");
        named.Value.WriteTo(writer);
        writer.WriteEndObject();
    }
}
