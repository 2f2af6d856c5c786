using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json.Nodes;
using TorchKv.Benchmarks.Measuring;

namespace TorchKv.Benchmarks.Cluster;

/// <summary>Reads streams of completions and chats, and keeps what came and when.</summary>
internal sealed class ClusterClient(Uri address) : IDisposable
{
    private const int MostReturns = 40;
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    private readonly HttpClient _client = new(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(2) })
    {
        BaseAddress = address,
        Timeout = Timeout.InfiniteTimeSpan,
    };

    /// <summary>Called for each event with text.</summary>
    public Action? OnEvent { get; init; }

    /// <summary>Reads a stream to its end, wherever that is.</summary>
    public async Task<ClusterAnswer> ReadAsync(ClusterRequest request)
    {
        var reading = new Reading();
        var mayReturn = request.IdempotencyKey is not null;
        do
        {
            reading.Error = null;
            try
            {
                await ReadOnceAsync(request, reading);
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                reading.Error = e.Message;
            }

            if (reading.IsDone || !mayReturn || reading.Returns == MostReturns)
            {
                break;
            }

            reading.Returns++;
            await Task.Delay(s_pause);
        }
        while (true);
        return reading.ToAnswer();
    }

    /// <summary>Reads streams at once.</summary>
    public Task<ClusterAnswer[]> ReadAllAsync(IEnumerable<ClusterRequest> requests) =>
        Task.WhenAll(requests.Select(request => Task.Run(() => ReadAsync(request))));

    public void Dispose() => _client.Dispose();

    private async Task ReadOnceAsync(ClusterRequest request, Reading reading)
    {
        using var message = new HttpRequestMessage(HttpMethod.Post, request.Path)
        {
            Content = new StringContent(request.Body, Encoding.UTF8, new MediaTypeHeaderValue("application/json")),
        };
        message.Headers.Add(ClusterRequest.ConversationHeader, request.Conversation);
        if (request.IdempotencyKey is { } key)
        {
            message.Headers.Add("Idempotency-Key", key);
        }

        if (reading.LastEventId is { Length: > 0 } last)
        {
            message.Headers.Add("Last-Event-ID", last);
        }

        using var response = await _client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead);
        if (!response.IsSuccessStatusCode)
        {
            reading.Error = $"{(int)response.StatusCode}: {await response.Content.ReadAsStringAsync()}";
            return;
        }

        reading.Replica ??= response.Headers.TryGetValues("x-torchkv-replica", out var names) ? names.First() : null;
        var parser = SseParser.Create(await response.Content.ReadAsStreamAsync());
        await foreach (var item in parser.EnumerateAsync())
        {
            if (item.Data == "[DONE]")
            {
                reading.IsDone = reading.Error is null;
                continue;
            }

            if (reading.Take(item.Data))
            {
                OnEvent?.Invoke();
            }

            // An event without an id of its own has that of the event before, by the standard.
            reading.LastEventId = parser.LastEventId;
        }

        reading.Error ??= reading.IsDone ? null : "The stream ended without its mark of the end.";
    }

    private sealed class Reading
    {
        private readonly StringBuilder _text = new();
        private readonly List<double> _gaps = [];
        private readonly List<long> _arrivals = [];
        private readonly long _began = Stopwatch.GetTimestamp();
        private string? _finishReason;
        private (int, int)? _usage;
        private double _first;
        private long _last;

        public string? LastEventId { get; set; }

        public string? Error { get; set; }

        public string? Replica { get; set; }

        public bool IsDone { get; set; }

        public int Returns { get; set; }

        /// <summary>Takes an event.</summary>
        /// <returns>Whether it has text.</returns>
        public bool Take(string data)
        {
            var now = Stopwatch.GetTimestamp();
            var json = JsonNode.Parse(data)!;
            if (json["error"] is { } error)
            {
                Error = error.ToJsonString();
                return false;
            }

            if (json["usage"] is { } usage)
            {
                _usage = ((int)usage["prompt_tokens"]!, (int)usage["completion_tokens"]!);
            }

            if (json["choices"] is not JsonArray { Count: > 0 } choices)
            {
                return false;
            }

            _finishReason = (string?)choices[0]!["finish_reason"] ?? _finishReason;
            var text = (string?)(choices[0]!["text"] ?? choices[0]!["delta"]?["content"]);
            if (string.IsNullOrEmpty(text))
            {
                return false;
            }

            _text.Append(text);
            if (_last == 0)
            {
                _first = Stopwatch.GetElapsedTime(_began, now).TotalSeconds;
            }
            else
            {
                _gaps.Add(Stopwatch.GetElapsedTime(_last, now).TotalSeconds);
            }

            _last = now;
            _arrivals.Add(now);
            return true;
        }

        public ClusterAnswer ToAnswer() => new()
        {
            Text = _text.ToString(),
            FinishReason = _finishReason,
            Usage = _usage,
            IsWhole = IsDone && Error is null,
            Error = Error,
            Replica = Replica,
            FirstSeconds = _first,
            WorstGap = _gaps.Count == 0 ? 0 : _gaps.Max(),
            MedianGap = Statistics.Median(_gaps),
            Arrivals = _arrivals,
            Returns = Returns,
        };
    }
}
