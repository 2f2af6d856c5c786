using System.Text.Json;

namespace TorchKv.Runtime.Text;

/// <summary>The part of <c>tokenizer_config.json</c> and <c>special_tokens_map.json</c> that changes what GPT-2's tokenizer gives.</summary>
internal sealed class TokenizerSettings
{
    /// <summary>Whether a space goes before a text that does not begin with one (<c>add_prefix_space</c>).</summary>
    public bool? AddPrefixSpace { get; private set; }

    /// <summary>The token that ends a text (<c>eos_token</c>).</summary>
    public string? EosToken { get; private set; }

    /// <summary>Tokens that are taken whole, by whatever name the file gives them.</summary>
    public HashSet<string> SpecialTokens { get; } = new(StringComparer.Ordinal);

    /// <summary>Added tokens with the ids that <c>added_tokens_decoder</c> gives them.</summary>
    public Dictionary<string, int> AddedTokens { get; } = new(StringComparer.Ordinal);

    /// <summary>Takes one property; the reader stands on its value and is left on the value's end.</summary>
    public void Read(string file, string name, ref Utf8JsonReader reader)
    {
        switch (name)
        {
            case "add_prefix_space" when reader.TokenType is JsonTokenType.True or JsonTokenType.False:
                AddPrefixSpace = reader.GetBoolean();
                break;
            case "eos_token":
                EosToken = ReadToken(file, ref reader);
                break;
            case "bos_token" or "unk_token" or "pad_token" or "cls_token" or "sep_token" or "mask_token":
                ReadToken(file, ref reader);
                break;
            case "additional_special_tokens" or "extra_special_tokens" when reader.TokenType == JsonTokenType.StartArray:
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    ReadToken(file, ref reader);
                }

                break;
            case "added_tokens_decoder" when reader.TokenType == JsonTokenType.StartObject:
                ReadAddedTokens(file, ref reader);
                break;
            default:
                reader.Skip();
                break;
        }
    }

    private void ReadAddedTokens(string file, ref Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            if (!int.TryParse(name, out var id) || id < 0)
            {
                throw new TokenizerException(file, $"added_tokens_decoder has the id '{VocabularyFiles.Shorten(name)}', which is not a whole number from 0.");
            }

            if (ReadToken(file, ref reader) is { } token && !AddedTokens.TryAdd(token, id))
            {
                throw new TokenizerException(file, $"added_tokens_decoder has the token '{VocabularyFiles.Shorten(token)}' twice.");
            }
        }
    }

    /// <summary>A token is a string, or an object whose <c>content</c> is one.</summary>
    private string? ReadToken(string file, ref Utf8JsonReader reader)
    {
        string? token = null;
        if (reader.TokenType == JsonTokenType.String)
        {
            token = reader.GetString();
        }
        else if (reader.TokenType == JsonTokenType.StartObject)
        {
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = reader.GetString();
                reader.Read();
                if (name == "content" && reader.TokenType == JsonTokenType.String)
                {
                    token = reader.GetString();
                }
                else if (name is "lstrip" or "rstrip" or "single_word" && reader.TokenType == JsonTokenType.True)
                {
                    throw new TokenizerException(file, $"a token has {name} true, which is not supported: added tokens are matched exactly.");
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

        if (!string.IsNullOrEmpty(token))
        {
            SpecialTokens.Add(token);
        }

        return token;
    }
}
