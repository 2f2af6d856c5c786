using System.Globalization;
using System.Text.Json;
using Json.Schema;

namespace TorchKv.Testing;

/// <summary>JsonSchema.Net's opinion of texts.</summary>
internal sealed class SchemaJudge(string schema)
{
    private static readonly EvaluationOptions s_options = new() { RequireFormatValidation = true };

    private readonly JsonSchema _schema = JsonSchema.FromText(schema);

    /// <summary>Judges a text.</summary>
    /// <remarks>
    /// A name that comes twice in an object is read as most readers do: the last one counts. Where that leaves too few
    /// properties the text is not judged, since a grammar cannot remember names that no schema declares. Three things
    /// the judge sees otherwise than the standard: it counts a letter with its accents as one character, it calculates
    /// with doubles and decimals, and it fails on some URIs, such as those with a user's name.
    /// </remarks>
    public SchemaVerdict Judge(string text)
    {
        JsonDocument value;
        try
        {
            value = JsonDocument.Parse(text);
        }
        catch (JsonException)
        {
            return SchemaVerdict.Invalid;
        }

        using (value)
        {
            if (Any(value.RootElement, IsJudgedOtherwise))
            {
                return SchemaVerdict.NotJudged;
            }

            using var read = Any(value.RootElement, HasRepeatedName)
                ? JsonDocument.Parse(LastOfEachName(value.RootElement))
                : null;
            try
            {
                return _schema.Evaluate((read ?? value).RootElement, s_options).IsValid
                    ? SchemaVerdict.Valid
                    : read is not null && schema.Contains("minProperties", StringComparison.Ordinal)
                        ? SchemaVerdict.NotJudged
                        : SchemaVerdict.Invalid;
            }
            catch (ArgumentOutOfRangeException)
            {
                return SchemaVerdict.NotJudged;
            }
        }
    }

    private static bool Any(JsonElement value, Func<JsonElement, bool> holds) => holds(value) || value.ValueKind switch
    {
        JsonValueKind.Array => value.EnumerateArray().Any(item => Any(item, holds)),
        JsonValueKind.Object => value.EnumerateObject().Any(property => Any(property.Value, holds)),
        _ => false,
    };

    private static bool HasRepeatedName(JsonElement value) => value.ValueKind == JsonValueKind.Object
        && value.EnumerateObject().Select(p => p.Name).Distinct().Count() != value.GetPropertyCount();

    private static bool IsJudgedOtherwise(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => IsCountedOtherwise(value.GetString()!),
        JsonValueKind.Object => value.EnumerateObject().Any(property => IsCountedOtherwise(property.Name)),
        JsonValueKind.Number => !value.TryGetDecimal(out _) || value.GetRawText().Count(char.IsAsciiDigit) > 15,
        _ => false,
    };

    private static bool IsCountedOtherwise(string text) =>
        new StringInfo(text).LengthInTextElements != text.EnumerateRunes().Count();

    private static byte[] LastOfEachName(JsonElement value)
    {
        using var written = new MemoryStream();
        using (var writer = new Utf8JsonWriter(written))
        {
            Write(writer, value);
        }

        return written.ToArray();
    }

    private static void Write(Utf8JsonWriter writer, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var name in value.EnumerateObject().Select(member => member.Name).Distinct())
                {
                    writer.WritePropertyName(name);
                    Write(writer, value.GetProperty(name));
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                {
                    Write(writer, item);
                }

                writer.WriteEndArray();
                break;
            default:
                value.WriteTo(writer);
                break;
        }
    }
}
