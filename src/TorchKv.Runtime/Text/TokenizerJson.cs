using System.Text.Json;
using TorchKv.Runtime.Files;

namespace TorchKv.Runtime.Text;

/// <summary>
/// <c>tokenizer.json</c>: vocabulary, merges, added tokens and settings in one file, as newer versions of HuggingFace's
/// libraries save a tokenizer. Whatever GPT-2's tokenizer does not have is refused by its name in the file.
/// </summary>
internal sealed class TokenizerJson
{
    private readonly string _file;
    private List<(string Pair, string Place)> _merges = [];
    private bool _hasPreTokenizer;

    private TokenizerJson(string file) => _file = file;

    private delegate void ReadProperty(string name, ref Utf8JsonReader reader);

    /// <summary>Token → id.</summary>
    public Dictionary<string, int> Vocabulary { get; private set; } = [];

    /// <summary>Pairs "left right", best first.</summary>
    public List<string> Merges { get; private set; } = [];

    /// <summary>The added tokens with their ids.</summary>
    public List<(AddedToken Token, int Id)> Added { get; } = [];

    /// <summary>Whether a space goes before a text that does not begin with one.</summary>
    public bool AddPrefixSpace { get; private set; }

    /// <summary>The token for a byte that the vocabulary lacks; null: such a byte is left out.</summary>
    public string? UnknownToken { get; private set; }

    /// <summary>Whether several such bytes in a row give one <see cref="UnknownToken"/>.</summary>
    public bool FuseUnknownTokens { get; private set; }

    /// <summary>Reads the file.</summary>
    /// <exception cref="TokenizerException">It cannot be used; the message says why.</exception>
    public static TokenizerJson Read(string file)
    {
        var result = new TokenizerJson(file);
        try
        {
            var reader = VocabularyFiles.Json(VocabularyFiles.ReadBytes(file));
            reader.Read();
            result.ReadObject(ref reader, "the file", result.ReadTop);
            VocabularyFiles.ReadToEnd(ref reader);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new TokenizerException(file, $"is not valid JSON: {JsonErrors.Describe(e)}", e);
        }

        result.Check();
        var merges = new MergeList(file, result.Vocabulary);
        foreach (var (pair, place) in result._merges)
        {
            merges.Add(pair, place);
        }

        result._merges = [];
        result.Merges = merges.Pairs;
        return result;
    }

    private void Check()
    {
        if (Vocabulary.Count == 0)
        {
            throw new TokenizerException(_file, "has no model.vocab, or an empty one.");
        }

        if (!_hasPreTokenizer)
        {
            throw new TokenizerException(
                _file,
                "has no pre_tokenizer; GPT-2's is {\"type\": \"ByteLevel\"}, and without it the ids would be others.");
        }

        if (UnknownToken is { } unknown && !Vocabulary.ContainsKey(unknown))
        {
            // It stands for nothing where every byte has its token.
            Require(
                ByteLevel.Characters.All(c => Vocabulary.ContainsKey(c.ToString())),
                "model.unk_token",
                "a token of model.vocab");
            UnknownToken = null;
        }
    }

    /// <summary>Reads an object's properties; each call leaves the reader on its value's end.</summary>
    private void ReadObject(ref Utf8JsonReader reader, string what, ReadProperty read)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new TokenizerException(_file, $"{what} is not a JSON object.");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            read(name, ref reader);
        }
    }

    private void ReadTop(string name, ref Utf8JsonReader reader)
    {
        switch (name)
        {
            case "model":
                ReadObject(ref reader, name, ReadModel);
                break;
            case "pre_tokenizer" when reader.TokenType != JsonTokenType.Null:
                ReadObject(ref reader, name, ReadPreTokenizer);
                break;
            case "added_tokens" when reader.TokenType == JsonTokenType.StartArray:
                var contents = new HashSet<string>(StringComparer.Ordinal);
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    ReadAdded(ref reader, contents);
                }

                break;
            case "normalizer" when reader.TokenType != JsonTokenType.Null:
                throw new TokenizerException(_file, "has a normalizer, which GPT-2's tokenizer does not have.");
            default:
                reader.Skip();
                break;
        }
    }

    private void ReadModel(string name, ref Utf8JsonReader reader)
    {
        switch (name)
        {
            case "type":
                Require(
                    reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("BPE"),
                    "model.type",
                    "\"BPE\"");
                break;
            case "vocab":
                Vocabulary = VocabularyFiles.ReadTokens(_file, ref reader);
                break;
            case "merges":
                ReadMerges(ref reader);
                break;
            case "unk_token":
                Require(
                    reader.TokenType is JsonTokenType.Null or JsonTokenType.String,
                    "model.unk_token",
                    "null or a text");
                UnknownToken = reader.GetString();
                break;
            case "fuse_unk":
                FuseUnknownTokens = reader.TokenType == JsonTokenType.True;
                break;
            case "continuing_subword_prefix" or "end_of_word_suffix":
                Require(
                    reader.TokenType == JsonTokenType.Null
                        || (reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("")),
                    "model." + name,
                    "empty");
                break;
            case "byte_fallback" or "ignore_merges":
                Require(reader.TokenType != JsonTokenType.True, "model." + name, "false");
                break;
            case "dropout":
                Require(
                    reader.TokenType == JsonTokenType.Null
                        || (reader.TokenType == JsonTokenType.Number && reader.TryGetDouble(out var rate) && rate == 0),
                    "model." + name,
                    "null or 0");
                break;
            default:
                reader.Skip();
                break;
        }
    }

    private void ReadPreTokenizer(string name, ref Utf8JsonReader reader)
    {
        switch (name)
        {
            case "type":
                Require(
                    reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("ByteLevel"),
                    "pre_tokenizer.type",
                    "\"ByteLevel\"");
                _hasPreTokenizer = true;
                break;
            case "add_prefix_space":
                AddPrefixSpace = reader.TokenType == JsonTokenType.True;
                break;
            case "use_regex":
                Require(reader.TokenType == JsonTokenType.True, "pre_tokenizer.use_regex", "true");
                break;
            default:
                reader.Skip();
                break;
        }
    }

    /// <summary>A merge is "left right", or in newer files ["left", "right"].</summary>
    private void ReadMerges(ref Utf8JsonReader reader)
    {
        Require(reader.TokenType == JsonTokenType.StartArray, "model.merges", "a list");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var place = $"merge {_merges.Count}";
            if (reader.TokenType == JsonTokenType.String)
            {
                _merges.Add((reader.GetString()!, place));
                continue;
            }

            var parts = new List<string>();
            Require(reader.TokenType == JsonTokenType.StartArray, place, "a pair");
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                Require(reader.TokenType == JsonTokenType.String && parts.Count < 2, place, "a pair of tokens");
                parts.Add(reader.GetString()!);
            }

            _merges.Add((string.Join(' ', parts), place));
        }
    }

    private void ReadAdded(ref Utf8JsonReader reader, HashSet<string> contents)
    {
        var (content, id) = ("", -1);
        var isSpecial = false;
        bool? isNormalized = null;
        ReadObject(ref reader, "an added token", (string name, ref Utf8JsonReader value) =>
        {
            switch (name)
            {
                case "content" when value.TokenType == JsonTokenType.String:
                    content = value.GetString()!;
                    break;
                case "id" when value.TokenType == JsonTokenType.Number && value.TryGetInt32(out var number):
                    id = number;
                    break;
                case "special" when value.TokenType is JsonTokenType.True or JsonTokenType.False:
                    isSpecial = value.GetBoolean();
                    break;
                case "normalized" when value.TokenType is JsonTokenType.True or JsonTokenType.False:
                    isNormalized = value.GetBoolean();
                    break;
                case "lstrip" or "rstrip" or "single_word":
                    Require(
                        value.TokenType != JsonTokenType.True,
                        $"an added token's {name}",
                        "false: added tokens are matched exactly");
                    break;
                default:
                    value.Skip();
                    break;
            }
        });
        Require(content.Length > 0 && id >= 0, "an added token", "a text with an id from 0");
        if (!contents.Add(content))
        {
            throw new TokenizerException(
                _file, $"the added token '{VocabularyFiles.Shorten(content)}' is there twice.");
        }

        Added.Add((new AddedToken(content, isSpecial, isNormalized ?? !isSpecial), id));
    }

    private void Require(bool isRight, string what, string must)
    {
        if (!isRight)
        {
            throw new TokenizerException(_file, $"{what} is not what GPT-2's tokenizer has; it must be {must}.");
        }
    }
}
