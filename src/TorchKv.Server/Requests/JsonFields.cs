using System.Text.Json;
using TorchKv.Server.Errors;

namespace TorchKv.Server.Requests;

/// <summary>Reads fields that may be of several types.</summary>
internal static class JsonFields
{
    /// <summary>Whether a field says nothing: left out, null, false, or empty.</summary>
    public static bool IsEmpty(JsonElement? field) => field is not { } value || value.ValueKind switch
    {
        JsonValueKind.Undefined or JsonValueKind.Null or JsonValueKind.False => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => value.GetPropertyCount() == 0,
        JsonValueKind.String => value.ValueEquals(""),
        _ => false,
    };

    /// <summary>Whether a field is left out or null.</summary>
    public static bool IsNull(JsonElement? field)
        => field is not { ValueKind: not (JsonValueKind.Undefined or JsonValueKind.Null) };

    /// <summary>A text.</summary>
    /// <exception cref="ApiException">It is none, or not Unicode.</exception>
    public static string Text(JsonElement value, string param)
    {
        if (value.ValueKind != JsonValueKind.String)
        {
            throw ApiException.Invalid(param, $"{param} must be a text.", "invalid_type");
        }

        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            // Half of a surrogate pair, or bytes that are no UTF-8.
            throw new ApiException(
                400,
                ApiException.InvalidRequest,
                "invalid_value",
                param,
                $"{param} has text that is not Unicode.",
                e);
        }
    }

    /// <summary>
    /// Refuses a value that an answer could not repeat: one with a text that is not Unicode, at any depth.
    /// </summary>
    /// <exception cref="ApiException">A text is not Unicode.</exception>
    public static void CheckUnicode(JsonElement? field, string param)
    {
        if (field is not { } value)
        {
            return;
        }

        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                Text(value, param);
                break;
            case JsonValueKind.Array:
                foreach (var item in value.EnumerateArray())
                {
                    CheckUnicode(item, param);
                }

                break;
            case JsonValueKind.Object:
                foreach (var property in value.EnumerateObject())
                {
                    CheckName(property, param);
                    CheckUnicode(property.Value, param);
                }

                break;
        }
    }

    private static void CheckName(JsonProperty property, string param)
    {
        try
        {
            _ = property.Name;
        }
        catch (InvalidOperationException e)
        {
            throw new ApiException(
                400, ApiException.InvalidRequest, "invalid_value", param, $"{param} has text that is not Unicode.", e);
        }
    }

    /// <summary>A text, or a list of texts.</summary>
    /// <exception cref="ApiException">It is neither.</exception>
    public static IReadOnlyList<string> Texts(JsonElement? field, string param)
    {
        if (IsNull(field))
        {
            return [];
        }

        var value = field!.Value;
        return value.ValueKind switch
        {
            JsonValueKind.String => [Text(value, param)],
            JsonValueKind.Array => [.. value.EnumerateArray().Select((item, i) => Text(item, $"{param}[{i}]"))],
            _ => throw ApiException.Invalid(param, $"{param} must be a text or a list of texts.", "invalid_type"),
        };
    }

    /// <summary>A list of token ids.</summary>
    /// <exception cref="ApiException">It is none, or an id is not in the vocabulary.</exception>
    public static IReadOnlyList<int> Ids(JsonElement list, string param, int vocabSize)
    {
        var ids = new int[list.GetArrayLength()];
        var i = 0;
        foreach (var item in list.EnumerateArray())
        {
            var isNumber = item.ValueKind == JsonValueKind.Number;
            ids[i] = isNumber && item.TryGetInt32(out var id) && (uint)id < (uint)vocabSize
                ? id
                : throw ApiException.Invalid(
                    param,
                    $"{param}[{i}] must be a token id, a whole number from 0 to {vocabSize - 1}.");
            i++;
        }

        return ids;
    }

    /// <summary>The value of a field of an object, as text; null where it has none.</summary>
    public static string? Named(JsonElement? field, string name)
        => field is { ValueKind: JsonValueKind.Object } value
            && value.TryGetProperty(name, out var named)
            && named.ValueKind == JsonValueKind.String
            ? Text(named, name)
            : null;
}
