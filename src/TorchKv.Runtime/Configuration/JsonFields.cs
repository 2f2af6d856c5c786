using System.Text.Json;

namespace TorchKv.Runtime.Configuration;

/// <summary>Reads one JSON object's fields by name; every refusal names the source and the field.</summary>
/// <remarks>A reader without reflection, so that the runtime can be compiled ahead of time.</remarks>
internal ref struct JsonFields
{
    // A published configuration has some 40 fields, one of them (task_specific_params) a few levels deep.
    private static readonly JsonReaderOptions Options = new() { MaxDepth = 32 };

    private readonly string source;
    private readonly HashSet<string> seen;
    private Utf8JsonReader reader;

    public JsonFields(ReadOnlySpan<byte> utf8Json, string source)
    {
        // A byte order mark is no JSON, but editors write it.
        reader = new Utf8JsonReader(utf8Json.StartsWith("\uFEFF"u8) ? utf8Json[3..] : utf8Json, Options);
        this.source = source;
        seen = [];
        Name = "";
        if (!Advance() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw new ConfigurationException(source, null, "is not a JSON object.");
        }
    }

    /// <summary>The field that <see cref="Next"/> came to; its value is read, or skipped, before the next call.</summary>
    public string Name { get; private set; }

    public readonly bool IsNull => reader.TokenType == JsonTokenType.Null;

    public readonly bool IsArray => reader.TokenType == JsonTokenType.StartArray;

    /// <summary>Moves to the next field's value; false at the end of the object, past which there is nothing.</summary>
    public bool Next()
    {
        Advance();
        if (reader.TokenType == JsonTokenType.EndObject)
        {
            if (Advance())
            {
                throw new ConfigurationException(source, null, "has something after its JSON object.");
            }

            return false;
        }

        Name = reader.GetString()!;
        if (!seen.Add(Name))
        {
            throw new ConfigurationException(source, Name, "appears twice.");
        }

        Advance();
        return true;
    }

    public void Skip()
    {
        try
        {
            reader.Skip();
        }
        catch (JsonException error)
        {
            throw NotJson(error);
        }
    }

    public readonly int Int32() =>
        reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var value) ? value : throw Refuse("a whole number");

    public readonly float Single() =>
        reader.TokenType == JsonTokenType.Number && reader.TryGetSingle(out var value) ? value : throw Refuse("a number");

    public readonly bool Boolean() => reader.TokenType switch
    {
        JsonTokenType.True => true,
        JsonTokenType.False => false,
        _ => throw Refuse("true or false"),
    };

    public readonly string String() => reader.TokenType == JsonTokenType.String ? reader.GetString()! : throw Refuse("a text");

    /// <summary>A token id, or null.</summary>
    public readonly int? TokenId() => IsNull ? null : Int32();

    /// <summary>Token ids: one, a list, or null for none.</summary>
    public int[] TokenIds()
    {
        if (IsNull)
        {
            return [];
        }

        if (!IsArray)
        {
            return [Int32()];
        }

        var ids = new List<int>();
        while (Advance() && reader.TokenType != JsonTokenType.EndArray)
        {
            ids.Add(Int32());
        }

        return [.. ids];
    }

    /// <summary>Whether the value says nothing: null, false, or an object or array without members. The value is read past.</summary>
    public bool SkipsEmpty()
    {
        if (reader.TokenType is JsonTokenType.Null or JsonTokenType.False)
        {
            return true;
        }

        if (reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
        {
            return false;
        }

        var depth = reader.CurrentDepth;
        Advance();
        var empty = reader.CurrentDepth == depth;
        while (reader.CurrentDepth > depth)
        {
            Advance();
        }

        return empty;
    }

    private readonly ConfigurationException Refuse(string wanted) => new(source, Name, $"must be {wanted}, and is {reader.TokenType}.");

    private readonly ConfigurationException NotJson(JsonException error) => new(source, null, $"is not JSON: {error.Message}", error);

    private bool Advance()
    {
        try
        {
            return reader.Read();
        }
        catch (JsonException error)
        {
            throw NotJson(error);
        }
    }
}
