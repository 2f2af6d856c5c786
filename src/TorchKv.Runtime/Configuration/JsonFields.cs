using System.Text.Json;
using TorchKv.Runtime.Files;

namespace TorchKv.Runtime.Configuration;

/// <summary>Reads one JSON object's fields by name; every refusal names the source and the field.</summary>
/// <remarks>A reader without reflection, so that the runtime can be compiled ahead of time.</remarks>
internal ref struct JsonFields
{
    // A published configuration has some 40 fields, one of them (task_specific_params) a few levels deep.
    private static readonly JsonReaderOptions s_options = new() { MaxDepth = 32 };

    private readonly string _source;
    private readonly HashSet<string> _seen;
    private Utf8JsonReader _reader;

    public JsonFields(ReadOnlySpan<byte> utf8Json, string source)
    {
        // A byte order mark is not JSON, but editors write it.
        _reader = new Utf8JsonReader(utf8Json.StartsWith("\uFEFF"u8) ? utf8Json[3..] : utf8Json, s_options);
        _source = source;
        _seen = [];
        Name = "";
        if (!Advance() || _reader.TokenType != JsonTokenType.StartObject)
        {
            throw new ConfigurationException(_source, null, "is not a JSON object.");
        }
    }

    /// <summary>
    /// The current field, to which <see cref="Next"/> moved. Its value must be read or skipped before the next call.
    /// </summary>
    public string Name { get; private set; }

    public readonly bool IsNull => _reader.TokenType == JsonTokenType.Null;

    public readonly bool IsArray => _reader.TokenType == JsonTokenType.StartArray;

    /// <summary>
    /// Moves to the next field's value; false at the end of the object, which must be the end of the text.
    /// </summary>
    public bool Next()
    {
        Advance();
        if (_reader.TokenType == JsonTokenType.EndObject)
        {
            if (Advance())
            {
                throw new ConfigurationException(_source, null, "has something after its JSON object.");
            }

            return false;
        }

        Name = Text();
        if (!_seen.Add(Name))
        {
            throw new ConfigurationException(_source, Name, "appears twice.");
        }

        Advance();
        return true;
    }

    public void Skip()
    {
        try
        {
            _reader.Skip();
        }
        catch (JsonException error)
        {
            throw NotJson(error);
        }
    }

    public readonly int Int32() =>
        _reader.TokenType == JsonTokenType.Number && _reader.TryGetInt32(out var value)
            ? value
            : throw Refuse("a whole number");

    public readonly float Single() =>
        _reader.TokenType == JsonTokenType.Number && _reader.TryGetSingle(out var value)
            ? value
            : throw Refuse("a number");

    public readonly bool Boolean() => _reader.TokenType switch
    {
        JsonTokenType.True => true,
        JsonTokenType.False => false,
        _ => throw Refuse("true or false"),
    };

    public readonly string String() => _reader.TokenType == JsonTokenType.String ? Text() : throw Refuse("a text");

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
        while (Advance() && _reader.TokenType != JsonTokenType.EndArray)
        {
            ids.Add(Int32());
        }

        return [.. ids];
    }

    /// <summary>
    /// Skips the value; true where it is null, false, or an object or array without members.
    /// </summary>
    public bool SkipsEmpty()
    {
        if (_reader.TokenType is JsonTokenType.Null or JsonTokenType.False)
        {
            return true;
        }

        if (_reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
        {
            return false;
        }

        var depth = _reader.CurrentDepth;
        Advance();
        var empty = _reader.CurrentDepth == depth;
        while (_reader.CurrentDepth > depth)
        {
            Advance();
        }

        return empty;
    }

    private readonly ConfigurationException Refuse(string wanted) =>
        new(_source, Name, $"must be {wanted}, and is {_reader.TokenType}.");

    private readonly ConfigurationException NotJson(Exception error) =>
        new(_source, null, $"is not JSON: {JsonErrors.Describe(error)}", error);

    private readonly string Text()
    {
        try
        {
            return _reader.GetString()!;
        }
        catch (InvalidOperationException error)
        {
            // The bytes are no UTF-8, or an escape stands for half a surrogate pair.
            throw NotJson(error);
        }
    }

    private bool Advance()
    {
        try
        {
            return _reader.Read();
        }
        catch (JsonException error)
        {
            throw NotJson(error);
        }
    }
}
