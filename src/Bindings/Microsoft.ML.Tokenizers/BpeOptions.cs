using System.Text.Json;

namespace Microsoft.ML.Tokenizers;

/// <summary>What a <see cref="BpeTokenizer"/> is made from.</summary>
public sealed class BpeOptions
{
    /// <summary>Options for a vocabulary.</summary>
    public BpeOptions(IEnumerable<KeyValuePair<string, int>> vocabulary)
    {
        ArgumentNullException.ThrowIfNull(vocabulary);
        Vocabulary = vocabulary;
    }

    /// <summary>Options for a vocabulary file (a JSON object, token → id) and a file of merges, one pair a line, best first.</summary>
    /// <exception cref="ArgumentException">A file does not exist.</exception>
    /// <exception cref="JsonException">The vocabulary is not such an object.</exception>
    /// <exception cref="InvalidOperationException">A line of the merges is not a pair.</exception>
    public BpeOptions(string vocabFile, string? mergesFile = null)
    {
        ArgumentNullException.ThrowIfNull(vocabFile);
        if (!File.Exists(vocabFile))
        {
            throw new ArgumentException($"Could not find the vocabulary file '{vocabFile}'.");
        }

        Vocabulary = ReadVocabulary(File.ReadAllBytes(vocabFile));
        if (mergesFile is not null)
        {
            if (!File.Exists(mergesFile))
            {
                throw new ArgumentException($"Could not find the merges file '{mergesFile}'.");
            }

            Merges = ReadMerges(mergesFile);
        }
    }

    /// <summary>Token → id.</summary>
    public IEnumerable<KeyValuePair<string, int>> Vocabulary { get; }

    /// <summary>Pairs that become one token, "left right", best first.</summary>
    public IEnumerable<string>? Merges { get; set; }

    /// <summary>Tokens that are taken whole where the pre-tokenizer leaves them whole.</summary>
    public IReadOnlyDictionary<string, int>? SpecialTokens { get; set; }

    /// <summary>Rewrites the text first.</summary>
    public Normalizer? Normalizer { get; set; }

    /// <summary>Cuts the text into pieces; null: <see cref="PreTokenizer.CreateWordOrNonWord"/>.</summary>
    public PreTokenizer? PreTokenizer { get; set; }

    /// <summary>Stands for characters that the vocabulary lacks; null: they are dropped.</summary>
    public string? UnknownToken { get; set; }

    /// <summary>Whether several unknown characters in a row give one token.</summary>
    public bool FuseUnknownTokens { get; set; }

    /// <summary>Whether tokens are made of UTF-8 bytes, written with GPT-2's printable character for each.</summary>
    public bool ByteLevel { get; set; }

    private static Dictionary<string, int> ReadVocabulary(ReadOnlySpan<byte> json)
    {
        ReadOnlySpan<byte> byteOrderMark = [0xEF, 0xBB, 0xBF];
        var reader = new Utf8JsonReader(json.StartsWith(byteOrderMark) ? json[3..] : json);
        var vocabulary = new Dictionary<string, int>();
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException("The vocabulary is not a JSON object.");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var token = reader.GetString()!;
            if (!reader.Read() || reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out var id))
            {
                throw new JsonException($"The id of the token '{token}' is not an integer.");
            }

            // The last one counts, as with System.Text.Json.
            vocabulary[token] = id;
        }

        while (reader.Read())
        {
            // What follows the object is an error, which the reader raises.
        }

        return vocabulary;
    }

    private static List<string> ReadMerges(string file)
    {
        var merges = new List<string>();
        var lineNumber = 0;
        foreach (var line in File.ReadLines(file))
        {
            lineNumber++;
            if (line.Length == 0 || line.StartsWith("#version", StringComparison.Ordinal))
            {
                continue;
            }

            if (!IsPair(line))
            {
                throw new InvalidOperationException($"Invalid merge file format at line: {lineNumber}");
            }

            merges.Add(line);
        }

        return merges;
    }

    internal static bool IsPair(string merge)
    {
        var space = merge.IndexOf(' ');
        return space >= 0 && space < merge.Length - 1 && merge.IndexOf(' ', space + 1) < 0;
    }
}
