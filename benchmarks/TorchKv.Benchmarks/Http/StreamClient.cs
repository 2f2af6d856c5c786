using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;

namespace TorchKv.Benchmarks.Http;

/// <summary>Reads streams of server-sent events and looks at no more than their frame.</summary>
internal sealed class StreamClient : IDisposable
{
    private static readonly byte[] s_event = Encoding.UTF8.GetBytes("data: {");
    private static readonly byte[] s_done = Encoding.UTF8.GetBytes("data: [DONE]");
    private readonly HttpClient _client;

    public StreamClient(Uri address) => _client = new HttpClient
    {
        BaseAddress = address,
        Timeout = Timeout.InfiniteTimeSpan,
    };

    public HttpClient Http => _client;

    /// <summary>Asks for a completion and reads it to its end.</summary>
    /// <param name="body">The request.</param>
    /// <param name="begun">Called when the headers have come; null: nothing.</param>
    public async Task<StreamReading> ReadAsync(string body, Action? begun = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions");
        request.Content = new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        if (!response.IsSuccessStatusCode)
        {
            throw new InvalidDataException(
                $"{(int)response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
        }

        begun?.Invoke();
        await using var stream = await response.Content.ReadAsStreamAsync();
        var buffer = new byte[64 * 1024];
        var gaps = new List<double>();
        var (kept, events, isDone) = (0, 0, false);
        var last = 0L;
        try
        {
            while (await stream.ReadAsync(buffer.AsMemory(kept)) is > 0 and var count)
            {
                var now = Stopwatch.GetTimestamp();
                var text = buffer.AsSpan(0, kept + count);
                isDone |= text.IndexOf(s_done) >= 0;
                while (text.IndexOf(s_event) is >= 0 and var at)
                {
                    if (last != 0)
                    {
                        gaps.Add(Stopwatch.GetElapsedTime(last, now).TotalMilliseconds);
                    }

                    last = now;
                    events++;
                    text = text[(at + s_event.Length)..];
                }

                // A mark may be cut between two reads; one that was counted cannot be counted again.
                var rest = text[Math.Max(0, text.Length - s_done.Length + 1)..];
                kept = rest.Length;
                rest.CopyTo(buffer);
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            // A stream that was cut shows by its events.
        }

        return new StreamReading(events, isDone, gaps);
    }

    /// <summary>Reads streams at once.</summary>
    public async Task<(StreamReading[] Streams, double Seconds)> ReadAllAsync(IEnumerable<string> bodies)
    {
        var began = Stopwatch.GetTimestamp();
        var streams = await Task.WhenAll(bodies.Select(body => Task.Run(() => ReadAsync(body))));
        return (streams, Stopwatch.GetElapsedTime(began).TotalSeconds);
    }

    public void Dispose() => _client.Dispose();
}
