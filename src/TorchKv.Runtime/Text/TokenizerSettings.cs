using System.Text.Json;

namespace TorchKv.Runtime.Text;

/// <summary>
/// The part of <c>tokenizer_config.json</c> or <c>special_tokens_map.json</c> that changes the ids that GPT-2's
/// tokenizer gives.
/// </summary>
internal sealed class TokenizerSettings
{
    /// <summary>
    /// The special tokens that every tokenizer can name, in the order in which new ones get their ids.
    /// </summary>
    public static readonly string[] StandardNames =
        ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    /// <summary>Whether a space goes before a text that does not begin with one (<c>add_prefix_space</c>).</summary>
    public bool? AddPrefixSpace { get; private set; }

    /// <summary>The class that saved the tokenizer (<c>tokenizer_class</c>).</summary>
    public string? TokenizerClass { get; private set; }

    /// <summary>
    /// Special tokens with a name: <see cref="StandardNames"/> and a model's own (<c>image_token</c>, or an object
    /// <c>extra_special_tokens</c>), in the file's order. A null token was unset by the file.
    /// </summary>
    public OrderedDictionary<string, AddedToken?> Named { get; } = new(StringComparer.Ordinal);

    /// <summary>
    /// Special tokens without a name: the lists <c>extra_special_tokens</c>, <c>additional_special_tokens</c>.
    /// </summary>
    public List<AddedToken> Extra { get; } = [];

    /// <summary>Added tokens by id (<c>added_tokens_decoder</c>); null where the file has no such list.</summary>
    public Dictionary<int, AddedToken>? AddedTokens { get; private set; }

    /// <summary>Takes one property; the reader stands on its value and is left on the value's end.</summary>
    public void Read(string file, string name, ref Utf8JsonReader reader)
    {
        switch (name)
        {
            case "add_prefix_space" when reader.TokenType is JsonTokenType.True or JsonTokenType.False:
                AddPrefixSpace = reader.GetBoolean();
                break;
            case "tokenizer_class" when reader.TokenType == JsonTokenType.String:
                TokenizerClass = reader.GetString();
                break;
            case "additional_special_tokens" or "extra_special_tokens" or "model_specific_special_tokens"
                when reader.TokenType == JsonTokenType.StartArray:
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    if (ReadSpecialToken(file, ref reader) is { } token)
                    {
                        Extra.Add(token);
                    }
                }

                break;
            case "extra_special_tokens" or "model_specific_special_tokens"
                when reader.TokenType == JsonTokenType.StartObject:
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    var key = reader.GetString()!;
                    reader.Read();
                    Named[key] = ReadSpecialToken(file, ref reader);
                }

                break;
            case "added_tokens_decoder" when reader.TokenType == JsonTokenType.StartObject:
                ReadAddedTokens(file, ref reader);
                break;
            default:
                if (StandardNames.Contains(name))
                {
                    Named[name] = ReadSpecialToken(file, ref reader);
                }
                else if (name.EndsWith("_token", StringComparison.Ordinal)
                    && reader.TokenType is JsonTokenType.String or JsonTokenType.StartObject)
                {
                    Named[name] = ReadSpecialToken(file, ref reader);
                }
                else
                {
                    reader.Skip();
                }

                break;
        }
    }

    private void ReadAddedTokens(string file, ref Utf8JsonReader reader)
    {
        AddedTokens = [];
        var contents = new HashSet<string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            if (!int.TryParse(name, out var id) || id < 0)
            {
                throw new TokenizerException(
                    file,
                    $"added_tokens_decoder has the id '{VocabularyFiles.Shorten(name)}', "
                    + "which is not a whole number from 0.");
            }

            // Where an entry does not say, HuggingFace takes a token in an object for text.
            var isObject = reader.TokenType == JsonTokenType.StartObject;
            if (ReadToken(file, ref reader, isSpecial: !isObject, readsSpecial: true) is not { } token)
            {
                continue;
            }

            if (!contents.Add(token.Content))
            {
                throw new TokenizerException(
                    file, $"added_tokens_decoder has the token '{VocabularyFiles.Shorten(token.Content)}' twice.");
            }

            if (!AddedTokens.TryAdd(id, token))
            {
                throw new TokenizerException(file, $"added_tokens_decoder has the id {id} twice.");
            }
        }
    }

    private static AddedToken? ReadSpecialToken(string file, ref Utf8JsonReader reader) =>
        ReadToken(file, ref reader, isSpecial: true, readsSpecial: false);

    /// <summary>
    /// A token is a string, or an object whose <c>content</c> is one; null for anything else and for an empty text.
    /// </summary>
    private static AddedToken? ReadToken(string file, ref Utf8JsonReader reader, bool isSpecial, bool readsSpecial)
    {
        string? content = null;
        bool? isNormalized = null;
        if (reader.TokenType == JsonTokenType.String)
        {
            content = reader.GetString();
        }
        else if (reader.TokenType == JsonTokenType.StartObject)
        {
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = reader.GetString();
                reader.Read();
                if (name == "content" && reader.TokenType == JsonTokenType.String)
                {
                    content = reader.GetString();
                }
                else if (name == "special" && IsBoolean(ref reader))
                {
                    isSpecial = readsSpecial ? reader.GetBoolean() : isSpecial;
                }
                else if (name == "normalized" && IsBoolean(ref reader))
                {
                    isNormalized = reader.GetBoolean();
                }
                else if (name is "lstrip" or "rstrip" or "single_word" && reader.TokenType == JsonTokenType.True)
                {
                    throw new TokenizerException(
                        file, $"a token has {name} true, which is not supported: added tokens are matched exactly.");
                }
                else
                {
                    reader.Skip();
                }
            }
        }
        else
        {
            reader.Skip();
        }

        return string.IsNullOrEmpty(content) ? null : new AddedToken(content, isSpecial, isNormalized ?? !isSpecial);

        static bool IsBoolean(ref Utf8JsonReader reader) =>
            reader.TokenType is JsonTokenType.True or JsonTokenType.False;
    }
}
