using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace TorchKv.Batch.Lines;

/// <summary>Writes and reads lines of a batch's output and of its errors, in OpenAI's form.</summary>
internal static class BatchRecord
{
    /// <summary>What the id of every record begins with.</summary>
    public const string IdPrefix = "batch_req_";

    private static readonly JsonWriterOptions Format = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>What every record of this program begins with.</summary>
    public static ReadOnlySpan<byte> Start => "{\"id\":\"batch_req_"u8;

    /// <summary>The record of an answer.</summary>
    /// <param name="name">The part of its ids after their prefixes.</param>
    /// <param name="customId">The line's custom_id.</param>
    /// <param name="status">The HTTP status.</param>
    /// <param name="body">The answer's JSON.</param>
    public static byte[] OfAnswer(string name, string customId, int status, ReadOnlySpan<byte> body)
    {
        var buffer = new ArrayBufferWriter<byte>(body.Length + 256);
        using (var json = Begin(buffer, name, customId))
        {
            json.WriteStartObject("response"u8);
            json.WriteNumber("status_code"u8, status);
            json.WriteString("request_id"u8, "req_" + name);
            json.WritePropertyName("body"u8);
            json.WriteRawValue(body, skipInputValidation: true);
            json.WriteEndObject();
            json.WriteNull("error"u8);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>The record of a line that has no answer.</summary>
    /// <param name="name">The part of its id after its prefix.</param>
    /// <param name="customId">The line's custom_id; null: it has none that can be read.</param>
    /// <param name="code">OpenAI's code.</param>
    /// <param name="message">What is wrong.</param>
    /// <param name="param">The field; null: none.</param>
    /// <param name="line">The line's number; null: it is not said.</param>
    public static byte[] OfError(
        string name, string? customId, string code, string message, string? param = null, long? line = null)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = Begin(buffer, name, customId))
        {
            json.WriteNull("response"u8);
            json.WriteStartObject("error"u8);
            json.WriteString("code"u8, code);
            json.WriteString("message"u8, message);
            if (param is not null)
            {
                json.WriteString("param"u8, param);
            }

            if (line is { } number)
            {
                json.WriteNumber("line"u8, number);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>What a record is the answer to; null: it is no record of this program.</summary>
    public static RecordKey? KeyOf(ReadOnlySpan<byte> record)
    {
        if (!record.StartsWith(Start))
        {
            return null;
        }

        string? id = null, customId = null;
        long? line = null;
        try
        {
            var reader = new Utf8JsonReader(record);
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("id"u8))
                {
                    reader.Read();
                    id = reader.GetString();
                }
                else if (reader.ValueTextEquals("custom_id"u8))
                {
                    reader.Read();
                    customId = reader.GetString();
                }
                else if (reader.ValueTextEquals("error"u8))
                {
                    line = LineOf(ref reader);
                }
                else
                {
                    reader.Skip();
                }
            }

            reader.Read();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }

        return id is not null && (customId is not null || line is not null)
            ? new RecordKey(id[IdPrefix.Length..], line is null ? customId : null, line)
            : null;
    }

    private static long? LineOf(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return null;
        }

        long? line = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isLine = reader.ValueTextEquals("line"u8);
            reader.Read();
            line = isLine ? reader.GetInt64() : line;
        }

        return line;
    }

    private static Utf8JsonWriter Begin(ArrayBufferWriter<byte> buffer, string name, string? customId)
    {
        var json = new Utf8JsonWriter(buffer, Format);
        json.WriteStartObject();
        json.WriteString("id"u8, IdPrefix + name);
        json.WriteString("custom_id"u8, customId);
        return json;
    }
}
