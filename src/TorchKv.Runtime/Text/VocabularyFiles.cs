using System.Text;
using System.Text.Json;
using TorchKv.Runtime.Files;

namespace TorchKv.Runtime.Text;

/// <summary>Reads a tokenizer's files one by one; each is checked on its own.</summary>
internal static class VocabularyFiles
{
    /// <summary>GPT-2's own vocabulary has 1 MB.</summary>
    private const long MaxFileBytes = 64L << 20;

    /// <summary>Token → id from <c>vocab.json</c>.</summary>
    public static Dictionary<string, int> ReadVocabulary(string file)
    {
        var vocabulary = ReadTokens(file);
        if (vocabulary.Count == 0)
        {
            throw new TokenizerException(file, "the vocabulary is empty.");
        }

        return vocabulary;
    }

    /// <summary>
    /// Pairs "left right" from <c>merges.txt</c>, best first; each joins two tokens of the vocabulary to a third, once.
    /// </summary>
    public static List<string> ReadMerges(string file, Dictionary<string, int> vocabulary)
    {
        var merges = new MergeList(file, vocabulary);
        var lineNumber = 0;
        using var reader = new StringReader(DecodeUtf8(file, ReadBytes(file)));
        while (reader.ReadLine() is { } line)
        {
            lineNumber++;
            if (line.Length > 0 && !line.StartsWith("#version", StringComparison.Ordinal))
            {
                merges.Add(line, $"line {lineNumber}");
            }
        }

        return merges.Pairs;
    }

    /// <summary>Token → id from a file that is one JSON object, each token once.</summary>
    public static Dictionary<string, int> ReadTokens(string file)
    {
        try
        {
            var reader = Json(ReadBytes(file));
            reader.Read();
            var tokens = ReadTokens(file, ref reader);
            ReadToEnd(ref reader);
            return tokens;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new TokenizerException(file, $"is not valid JSON: {JsonErrors.Describe(e)}", e);
        }
    }

    /// <summary>Token → id from the JSON object that the reader stands on; it is left on the object's end.</summary>
    public static Dictionary<string, int> ReadTokens(string file, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new TokenizerException(file, "is not a JSON object of tokens and their ids.");
        }

        var tokens = new Dictionary<string, int>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var token = reader.GetString()!;
            if (!reader.Read() || reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out var id) || id < 0)
            {
                throw new TokenizerException(
                    file, $"the id of the token '{Shorten(token)}' is not a whole number from 0 to {int.MaxValue}.");
            }

            if (!tokens.TryAdd(token, id))
            {
                throw new TokenizerException(file, $"the token '{Shorten(token)}' is there twice.");
            }
        }

        return tokens;
    }

    /// <summary>
    /// The settings of <c>tokenizer_config.json</c> or <c>special_tokens_map.json</c>; empty where the file is missing.
    /// </summary>
    public static TokenizerSettings ReadSettings(string file)
    {
        if (!File.Exists(file))
        {
            return new TokenizerSettings();
        }

        var settings = new TokenizerSettings();
        try
        {
            var reader = Json(ReadBytes(file));
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                throw new TokenizerException(file, "is not a JSON object.");
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = reader.GetString()!;
                reader.Read();
                settings.Read(file, name, ref reader);
            }

            ReadToEnd(ref reader);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new TokenizerException(file, $"is not valid JSON: {JsonErrors.Describe(e)}", e);
        }

        return settings;
    }

    /// <summary>At most 40 code units of a text that goes into a message.</summary>
    public static string Shorten(string text) => text.Length <= 40 ? text : $"{text.AsSpan(0, 40)}…";

    /// <summary>A reader before the first token; a byte order mark is skipped.</summary>
    public static Utf8JsonReader Json(ReadOnlySpan<byte> bytes)
    {
        var mark = Encoding.UTF8.Preamble;
        return new Utf8JsonReader(bytes.StartsWith(mark) ? bytes[mark.Length..] : bytes);
    }

    /// <summary>Refuses anything but white space after the value that was read.</summary>
    public static void ReadToEnd(ref Utf8JsonReader reader)
    {
        while (reader.Read())
        {
            // The reader throws at the first token after the value.
        }
    }

    private static string DecodeUtf8(string file, byte[] bytes)
    {
        try
        {
            var text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
            return text.StartsWith('\uFEFF') ? text[1..] : text;
        }
        catch (DecoderFallbackException e)
        {
            throw new TokenizerException(file, "is not UTF-8.", e);
        }
    }

    /// <summary>A whole file, unless it is larger than any vocabulary.</summary>
    public static byte[] ReadBytes(string file)
    {
        try
        {
            var info = new FileInfo(file);
            if (!info.Exists)
            {
                throw new TokenizerException(file, Directory.Exists(file) ? "is a folder." : "does not exist.");
            }

            if (info.Length > MaxFileBytes)
            {
                throw new TokenizerException(file, $"has {info.Length} bytes; at most {MaxFileBytes} are read.");
            }

            var bytes = File.ReadAllBytes(file);
            return GitLfsPointer.Begins(bytes) ? throw new TokenizerException(file, GitLfsPointer.Reason) : bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TokenizerException(file, $"cannot be read: {e.Message}", e);
        }
    }
}
