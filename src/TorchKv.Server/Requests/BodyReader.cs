using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using TorchKv.Server.Contracts;
using TorchKv.Server.Errors;

namespace TorchKv.Server.Requests;

/// <summary>Reads a request's body as JSON of one type, or says what is wrong with it.</summary>
internal static class BodyReader
{
    /// <summary>Reads the body.</summary>
    /// <param name="context">The request.</param>
    /// <param name="type">What it must be.</param>
    /// <param name="maxBytes">The largest body.</param>
    /// <exception cref="ApiException">It is too large, no JSON, or has a field of another type.</exception>
    public static async Task<T> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type, long maxBytes)
        where T : class
    {
        var request = context.Request;
        CheckContentType(request);
        if (request.ContentLength > maxBytes)
        {
            throw ErrorMap.TooLarge(limit: maxBytes);
        }

        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(request.ContentLength ?? 4096, 1 << 20) + 1);
        try
        {
            var length = 0;
            while (true)
            {
                if (length == buffer.Length)
                {
                    var larger = ArrayPool<byte>.Shared.Rent(buffer.Length * 2);
                    buffer.AsSpan(0, length).CopyTo(larger);
                    ArrayPool<byte>.Shared.Return(buffer);
                    buffer = larger;
                }

                var read = await request.Body.ReadAsync(
                    buffer.AsMemory(length),
                    context.RequestAborted).ConfigureAwait(false);
                length += read;
                if (length > maxBytes)
                {
                    throw ErrorMap.TooLarge(limit: maxBytes);
                }

                if (read == 0)
                {
                    return Parse(buffer.AsSpan(0, length), type);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>
    /// JSON is asked for, so that a web page of another origin cannot send a body without asking first (CORS).
    /// </summary>
    private static void CheckContentType(HttpRequest request)
    {
        if (!request.HasJsonContentType() || request.Headers.ContentEncoding.Count > 0)
        {
            throw new ApiException(
                StatusCodes.Status415UnsupportedMediaType,
                ApiException.InvalidRequest,
                "unsupported_media_type",
                null,
                "The body must be JSON, sent as Content-Type: application/json without a Content-Encoding.");
        }
    }

    private static T Parse<T>(ReadOnlySpan<byte> body, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(body, type) ?? throw NotAnObject();
        }
        catch (Exception e) when (
            e is JsonException or InvalidOperationException or FormatException or NotSupportedException)
        {
            throw Explain(body, e, type);
        }
    }

    private static ApiException Explain(ReadOnlySpan<byte> body, Exception error, JsonTypeInfo type)
    {
        try
        {
            var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = ServerJson.MaxDepth });
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return NotAnObject();
            }

            while (reader.Read())
            {
            }
        }
        catch (JsonException e)
        {
            return new ApiException(
                400,
                ApiException.InvalidRequest,
                "invalid_json",
                null,
                $"The body is not JSON that can be read (line {e.LineNumber + 1}, byte {e.BytePositionInLine}); "
                    + $"it may nest {ServerJson.MaxDepth} deep.",
                error);
        }

        var path = (error as JsonException)?.Path is { } found && found.StartsWith(
            "$.",
            StringComparison.Ordinal) ? found[2..] : null;
        return path is null
            ? new ApiException(
                400,
                ApiException.InvalidRequest,
                "invalid_json",
                null,
                "The body has text that is not Unicode.",
                error)
            : ApiException.Invalid(path, $"{path} must be {ExpectedType.At(type, path)}.", "invalid_type");
    }

    private static ApiException NotAnObject()
        => new(400, ApiException.InvalidRequest, "invalid_json", null, "The body must be a JSON object.");
}
