using System.Text;
using System.Text.Json;
using TorchKv.Server.InProcess;

namespace TorchKv.Batch.Lines;

/// <summary>Reads lines of OpenAI's batch format.</summary>
internal static class BatchLineParser
{
    /// <summary>The longest custom_id, in UTF-16 code units.</summary>
    public const int LongestCustomId = 512;

    /// <summary>How deep a line may nest: one deeper than the server takes bodies, which are one level down.</summary>
    private const int MaxDepth = 65;

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    /// <summary>Reads a line.</summary>
    /// <param name="bytes">The line without its end.</param>
    /// <param name="number">Its number, from 1.</param>
    /// <param name="endpoint">The only path that may be called; null: any that can be.</param>
    /// <param name="fault">What is wrong with it; null: nothing.</param>
    /// <returns>The line; null where something is wrong.</returns>
    public static BatchLine? Parse(ReadOnlyMemory<byte> bytes, long number, string? endpoint, out LineFault? fault)
    {
        Fields fields;
        try
        {
            _ = StrictUtf8.GetCharCount(bytes.Span);
            fields = Read(bytes);
        }
        catch (DecoderFallbackException e)
        {
            fault = new LineFault("invalid_json_line", $"Line {number} is not UTF-8 (byte {e.Index}).", null, number);
            return null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            var at = (e as JsonException)?.BytePositionInLine is { } position ? $" (byte {position})" : "";
            fault = new LineFault(
                "invalid_json_line",
                $"Line {number} is not a JSON object that can be read{at}; it may nest {MaxDepth} deep, and must have "
                + "the texts custom_id, method and url, and the object body.",
                null,
                number);
            return null;
        }

        fault = Check(fields, number, endpoint);
        return fault is null ? new BatchLine(fields.CustomId!, fields.Url!, fields.Body!.Value) : null;
    }

    private static LineFault? Check(Fields fields, long number, string? endpoint)
    {
        if (fields.CustomId is not { Length: > 0 } id)
        {
            return Missing("custom_id", "a text of at least one character", number);
        }

        if (id.Length > LongestCustomId)
        {
            return new LineFault(
                "invalid_value",
                $"Line {number}: custom_id has {id.Length} characters; {LongestCustomId} are the most.",
                "custom_id",
                number);
        }

        // PostgreSQL's texts cannot hold it.
        if (id.Contains('\0', StringComparison.Ordinal))
        {
            return new LineFault(
                "invalid_value", $"Line {number}: custom_id has the character U+0000.", "custom_id", number);
        }

        if (fields.Method is not "POST")
        {
            return fields.Method is null
                ? Missing("method", "\"POST\"", number)
                : new LineFault("invalid_method", $"Line {number}: method must be \"POST\".", "method", number);
        }

        if (fields.Url is null)
        {
            return Missing("url", Known(), number);
        }

        if (endpoint is not null && fields.Url != endpoint)
        {
            return new LineFault(
                "mismatched_url",
                $"Line {number}: url must be the batch's endpoint, {endpoint}.",
                "url",
                number);
        }

        if (!InProcessCalls.Paths.Contains(fields.Url))
        {
            return new LineFault("invalid_url", $"Line {number}: url must be {Known()}.", "url", number);
        }

        return fields.Body is null ? Missing("body", "a JSON object", number) : null;
    }

    private static string Known() => string.Join(" or ", InProcessCalls.Paths);

    private static LineFault Missing(string field, string form, long number) => new(
        "missing_required_parameter", $"Line {number}: {field} is missing; it must be {form}.", field, number);

    private static Fields Read(ReadOnlyMemory<byte> bytes)
    {
        var fields = new Fields();
        var reader = new Utf8JsonReader(bytes.Span, new JsonReaderOptions { MaxDepth = MaxDepth });
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException();
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("custom_id"u8))
            {
                fields.CustomId = Text(ref reader);
            }
            else if (reader.ValueTextEquals("method"u8))
            {
                fields.Method = Text(ref reader);
            }
            else if (reader.ValueTextEquals("url"u8))
            {
                fields.Url = Text(ref reader);
            }
            else if (reader.ValueTextEquals("body"u8))
            {
                reader.Read();
                if (reader.TokenType != JsonTokenType.StartObject)
                {
                    throw new JsonException();
                }

                var start = (int)reader.TokenStartIndex;
                reader.Skip();
                fields.Body = bytes[start..(int)reader.BytesConsumed];
            }
            else
            {
                reader.Skip();
            }
        }

        // More after the object is no line either.
        reader.Read();
        return fields;
    }

    private static string Text(ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.TokenType == JsonTokenType.String ? reader.GetString()! : throw new JsonException();
    }

    private struct Fields
    {
        public string? CustomId;
        public string? Method;
        public string? Url;
        public ReadOnlyMemory<byte>? Body;
    }
}
