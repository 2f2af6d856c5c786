using System.Text.Json;
using TorchKv.Structured.Json.Documents;
using TorchKv.Structured.Json.Numbers;

namespace TorchKv.Structured.Json.Keywords;

/// <summary>Reads the values of keywords.</summary>
internal static class KeywordValues
{
    /// <summary>A whole number ≥ 0; null where the keyword is not there.</summary>
    public static int? Count(SchemaNode node, string keyword)
    {
        if (!node.TryGet(keyword, out JsonElement value))
        {
            return null;
        }

        // JSON Schema allows 2.0; a count above int's range bounds nothing that fits in memory.
        return value.ValueKind == JsonValueKind.Number && JsonNumber.TryRead(value, out JsonNumber number)
            && number.Scale == 0 && number.Unscaled.Sign >= 0
            ? (int)System.Numerics.BigInteger.Min(number.Unscaled, int.MaxValue)
            : throw SchemaErrors.Wrong(node.Pointer, keyword, "a whole number that is not negative");
    }

    /// <summary>A number; null where the keyword is not there.</summary>
    public static JsonNumber? Number(SchemaNode node, string keyword)
    {
        if (!node.TryGet(keyword, out JsonElement value))
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.Number)
        {
            throw SchemaErrors.Wrong(node.Pointer, keyword, "a number");
        }

        return JsonNumber.TryRead(value, out JsonNumber number)
            ? number
            : throw SchemaErrors.TooLarge(node.Pointer, keyword, "the number has too many digits", JsonNumber.MaxDigits);
    }

    /// <summary>A list of strings.</summary>
    public static string[] Strings(SchemaNode node, string keyword, JsonElement value) =>
        value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(v => v.ValueKind == JsonValueKind.String)
            ? [.. value.EnumerateArray().Select(item => item.GetString()!)]
            : throw SchemaErrors.Wrong(node.Pointer, keyword, "a list of strings");

    /// <summary>
    /// The members of an object; none where the keyword is not there. Of two equal names the last counts.
    /// </summary>
    public static IReadOnlyList<KeyValuePair<string, JsonElement>> Members(SchemaNode node, string keyword)
    {
        if (!node.TryGet(keyword, out JsonElement value))
        {
            return [];
        }

        if (value.ValueKind != JsonValueKind.Object)
        {
            throw SchemaErrors.Wrong(node.Pointer, keyword, "an object");
        }

        var members = new OrderedDictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (JsonProperty member in value.EnumerateObject())
        {
            members[member.Name] = member.Value;
        }

        return members;
    }

    /// <summary>A schema under a keyword.</summary>
    public static SchemaNode Schema(SchemaDocument document, SchemaNode node, string path, JsonElement value) =>
        value.ValueKind is JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False
            ? document.Child(node, path, value)
            : throw SchemaErrors.Wrong(node.Pointer, path, "a schema: an object or a boolean");
}
