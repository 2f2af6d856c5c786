using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using TorchKv.Server.Contracts;
using TorchKv.Server.Errors;
using TorchKv.Server.Resuming;

namespace TorchKv.Server.Answers;

/// <summary>Server-sent events as the clients of OpenAI's interface read them.</summary>
/// <remarks>
/// Belongs to one request; not thread-safe. Nothing is sent before the first event, so that errors until then have a
/// status.
/// </remarks>
internal sealed class SseStream(HttpContext context, TimeSpan slowReaderTimeout, TimeProvider time) : IDisposable
{
    private const int FlushAt = 16 * 1024;
    private readonly PipeWriter _output = context.Response.BodyWriter;
    private Utf8JsonWriter? _json;
    private int _unflushed;

    /// <summary>Gives the stream's events their ids; null: they have none.</summary>
    public EventMarks? Marks { get; init; }

    /// <summary>Whether something was written, after which the status can no longer change.</summary>
    public bool IsStarted { get; private set; }

    /// <summary>Whether so much is written that it should be sent before more is.</summary>
    public bool IsFull => _unflushed >= FlushAt;

    /// <summary>Writes an event.</summary>
    /// <param name="value">Its data.</param>
    /// <param name="type">How the data is written.</param>
    /// <param name="name">The event's name; null: none, as for chats and completions.</param>
    public void Write<T>(T value, JsonTypeInfo<T> type, string? name = null)
    {
        Start();
        if (Marks is { Line: { IsEmpty: false } line })
        {
            Write(line);
            Marks.MarkNone();
        }

        if (name is not null)
        {
            Write("event: "u8);
            _unflushed += (int)Encoding.UTF8.GetBytes(name.AsSpan(), _output);
            Write("\n"u8);
        }

        Write("data: "u8);
        _json ??= new Utf8JsonWriter(
            _output,
            new JsonWriterOptions { Encoder = ServerJson.Answers.Options.Encoder, SkipValidation = true });
        _json.Reset(_output);

        // The generated code writes the same text as the serializer, whose converters cost more than the text.
        if (type.SerializeHandler is { } write)
        {
            write(_json, value);
        }
        else
        {
            JsonSerializer.Serialize(_json, value, type);
        }

        _json.Flush();
        _unflushed += (int)_json.BytesCommitted;
        Write("\n\n"u8);
    }

    /// <summary>Writes a comment, which clients pass over.</summary>
    public void KeepAlive()
    {
        Start();
        Write(": keep-alive\n\n"u8);
    }

    /// <summary>Writes the mark of the end.</summary>
    public void Done()
    {
        Start();
        Write("data: [DONE]\n\n"u8);
    }

    /// <summary>Writes an error and the mark of the end.</summary>
    public void Fail(ApiException error)
    {
        Write(ErrorAnswer.Of(error), ServerJson.Answers.ErrorResponse);
        Done();
    }

    /// <summary>Sends what is written.</summary>
    /// <exception cref="SlowReaderException">The client does not read.</exception>
    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (_unflushed == 0)
        {
            return;
        }

        _unflushed = 0;
        var flush = _output.FlushAsync(cancellationToken);
        if (flush.IsCompletedSuccessfully)
        {
            _ = flush.Result;
            return;
        }

        try
        {
            await flush.AsTask().WaitAsync(slowReaderTimeout, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new SlowReaderException();
        }
    }

    public void Dispose() => _json?.Dispose();

    private void Write(ReadOnlySpan<byte> bytes)
    {
        _output.Write(bytes);
        _unflushed += bytes.Length;
    }

    private void Start()
    {
        if (IsStarted)
        {
            return;
        }

        IsStarted = true;
        var response = context.Response;
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-cache, no-store";
        response.Headers["X-Accel-Buffering"] = "no";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
    }
}
