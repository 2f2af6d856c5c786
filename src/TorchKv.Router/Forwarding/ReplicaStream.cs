using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using TorchKv.Router.Replicas;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Errors;
using TorchKv.Server.Internal;

namespace TorchKv.Router.Forwarding;

/// <summary>One attempt at one replica: the pieces of a generation as they come.</summary>
/// <remarks>Belongs to one request; not thread-safe.</remarks>
internal sealed class ReplicaStream : IAsyncDisposable
{
    private readonly int[] _counts;
    private readonly int _vocabSize;
    private readonly StallWatch _watch;
    private readonly StreamPulse _pulse;
    private readonly CancellationTokenSource _stop;
    private readonly CancellationToken _caller;
    private HttpResponseMessage? _response;
    private EventReader? _events;
    private bool _isDone;

    private ReplicaStream(InternalRequest request, int vocabSize, StallWatch watch, CancellationToken cancellationToken)
    {
        _counts = new int[request.Options.Samples];
        _vocabSize = vocabSize;
        _watch = watch;
        _caller = cancellationToken;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _pulse = watch.Watch(_stop.Cancel);
    }

    /// <summary>Sends a request to a replica. The replica's answer is read by <see cref="NextAsync"/>.</summary>
    /// <exception cref="ReplicaLostException">The replica cannot be reached, or refuses for now.</exception>
    /// <exception cref="ApiException">The request cannot be met by any replica.</exception>
    public static async Task<ReplicaStream> OpenAsync(
        ReplicaClient client,
        Replica replica,
        InternalRequest request,
        ModelShape model,
        HopHeaders headers,
        StallWatch watch,
        CancellationToken cancellationToken)
    {
        var stream = new ReplicaStream(request, model.VocabSize, watch, cancellationToken);
        try
        {
            using var message = client.Request(HttpMethod.Post, replica, "/internal/generate");
            message.Content = new ByteArrayContent(
                JsonSerializer.SerializeToUtf8Bytes(request, InternalJson.Default.InternalRequest));
            message.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            headers.AddTo(message);
            await stream.BeginAsync(client, message).ConfigureAwait(false);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>The next piece; null: the stream has ended as it should.</summary>
    /// <exception cref="ReplicaLostException">It ended before its time.</exception>
    /// <exception cref="ApiException">The request cannot be met by any replica.</exception>
    public async ValueTask<GeneratedPiece?> NextAsync()
    {
        while (true)
        {
            while (_events!.TryTake())
            {
                var piece = PieceParser.Parse(_events.Event, out var count, out var isDone);
                if (piece?.Error is { } error)
                {
                    throw Of(error);
                }

                if (piece is not null)
                {
                    return Checked(piece, count);
                }

                if (isDone)
                {
                    await ReadToEndAsync().ConfigureAwait(false);
                    return null;
                }
            }

            _pulse.Waits();
            try
            {
                if (!await _events.MoreAsync(_stop.Token).ConfigureAwait(false))
                {
                    throw new ReplicaLostException(LossReason.Broken, "The replica's stream ended in the middle.");
                }
            }
            catch (Exception e) when (e is IOException or HttpRequestException or OperationCanceledException)
            {
                throw Lost(e, LossReason.Broken);
            }

            _pulse.Heard();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _watch.Leave(_pulse);
        if (_events is not null)
        {
            await _events.DisposeAsync().ConfigureAwait(false);
        }

        // A response that was not read to its end closes its connection, which ends the generation at the replica.
        _response?.Dispose();
        if (!_isDone)
        {
            await _stop.CancelAsync().ConfigureAwait(false);
        }

        _stop.Dispose();
    }

    /// <summary>Reads what comes after the mark of the end, so that the connection can be used again.</summary>
    private async ValueTask ReadToEndAsync()
    {
        _isDone = true;
        try
        {
            _pulse.Waits();
            while (await _events!.MoreAsync(_stop.Token).ConfigureAwait(false))
            {
                while (_events.TryTake())
                {
                }
            }
        }
        catch (Exception e) when (e is IOException or HttpRequestException or OperationCanceledException)
        {
            // All pieces are there.
        }
    }

    private async Task BeginAsync(ReplicaClient client, HttpRequestMessage message)
    {
        _pulse.Waits();
        try
        {
            _response = await client.SendAsync(message, _stop.Token).ConfigureAwait(false);
            _pulse.Heard();
            if (_response.StatusCode != HttpStatusCode.OK)
            {
                throw await RefusalAsync(_response).ConfigureAwait(false);
            }

            _events = new EventReader(await _response.Content.ReadAsStreamAsync(_stop.Token).ConfigureAwait(false));
        }
        catch (Exception e) when (e is IOException or HttpRequestException or OperationCanceledException)
        {
            throw Lost(e, LossReason.Connect);
        }
    }

    private async Task<Exception> RefusalAsync(HttpResponseMessage response)
    {
        var status = (int)response.StatusCode;
        try
        {
            var body = await response.Content.ReadAsByteArrayAsync(_stop.Token).ConfigureAwait(false);
            using var json = JsonDocument.Parse(body);
            var error = json.RootElement.GetProperty("error");
            return Of(new InternalError
            {
                Status = status,
                Message = error.GetProperty("message").GetString() ?? "",
                Type = error.GetProperty("type").GetString() ?? ApiException.ServerError,
                Param = error.TryGetProperty("param", out var param) ? param.GetString() : null,
                Code = error.TryGetProperty("code", out var code) ? code.GetString() : null,
            });
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return new ReplicaLostException(
                status >= 500 ? LossReason.Failed : LossReason.Garbled,
                $"The replica answered with status {status}.",
                e);
        }
    }

    /// <summary>What a replica's error is: of the request, or of this replica at this time.</summary>
    private static Exception Of(InternalError error)
    {
        var told = new ApiException(error.Status, error.Type, error.Code, error.Param, error.Message)
        {
            RetryAfterSeconds = error.Status == 503 ? 1 : null,
        };
        return error.Status switch
        {
            503 => new ReplicaLostException(LossReason.Refused, error.Message) { Error = told },
            403 => new ReplicaLostException(LossReason.Refused, error.Message)
            {
                Error = new ApiException(
                    502, ApiException.ServerError, "replica_refused", null, "The replicas do not know this router."),
            },
            >= 500 and not 504 => new ReplicaLostException(LossReason.Failed, error.Message) { Error = told },
            _ => told,
        };
    }

    private Exception Lost(Exception error, LossReason reason)
    {
        _caller.ThrowIfCancellationRequested();
        if (_pulse.IsStalled)
        {
            return new ReplicaLostException(LossReason.Stall, "The replica says nothing.", error);
        }

        var isUnreached = reason == LossReason.Connect && error switch
        {
            HttpRequestException e => e.HttpRequestError
                is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError,

            // The limit on the time to connect.
            OperationCanceledException => true,
            _ => false,
        };
        return new ReplicaLostException(isUnreached ? LossReason.Connect : LossReason.Broken, error.Message, error);
    }

    /// <summary>A piece whose ids and count agree with what came before.</summary>
    private GeneratedPiece Checked(InternalPiece piece, int count)
    {
        var ids = piece.TokenIds ?? [];
        if ((uint)piece.Row >= (uint)_counts.Length)
        {
            throw new ReplicaLostException(LossReason.Garbled, $"A piece is of row {piece.Row}.");
        }

        _counts[piece.Row] += ids.Count;
        for (var i = 0; i < ids.Count; i++)
        {
            if ((uint)ids[i] >= (uint)_vocabSize)
            {
                throw new ReplicaLostException(LossReason.Garbled, $"{ids[i]} is no token's id.");
            }
        }

        if (count != _counts[piece.Row])
        {
            throw new ReplicaLostException(
                LossReason.Garbled, $"An event's id counts {count} tokens, but {_counts[piece.Row]} came.");
        }

        if (ids.Count > 0)
        {
            _pulse.Token();
        }

        return piece.ToPiece();
    }
}
