using System.Buffers.Text;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using TorchKv.Benchmarks.Http;

namespace TorchKv.Benchmarks.Cluster;

/// <summary>Reads streams of a <see cref="PacedGenerator"/> and finds how long each token travelled.</summary>
internal sealed class PacedReader(params IReadOnlyList<Uri> addresses) : IDisposable
{
    private static readonly byte[] s_ids = Encoding.UTF8.GetBytes("\"token_ids\":[");

    private readonly HttpClient _client = new() { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>Reads streams at once, each from the next of the addresses.</summary>
    /// <returns>Microseconds of every token but each stream's first.</returns>
    /// <exception cref="InvalidDataException">A stream was not whole.</exception>
    public async Task<double[]> ReadAllAsync(int streams, int tokens, int seed)
    {
        var read = await Task.WhenAll(Enumerable.Range(0, streams).Select(
            i => Task.Run(() => ReadAsync(i, tokens, seed))));
        return [.. read.SelectMany(times => times)];
    }

    public void Dispose() => _client.Dispose();

    private async Task<List<double>> ReadAsync(int number, int tokens, int seed)
    {
        using var message = new HttpRequestMessage(
            HttpMethod.Post, new Uri(addresses[number % addresses.Count], "/v1/completions"))
        {
            Content = new StringContent(
                StreamRequest.Body(seed, number, tokens, ",\"return_token_ids\":true"),
                Encoding.UTF8,
                new MediaTypeHeaderValue("application/json")),
        };
        message.Headers.Add(ClusterRequest.ConversationHeader, $"paced-{number}");
        using var response = await _client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead);
        if (!response.IsSuccessStatusCode)
        {
            throw new InvalidDataException($"{(int)response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
        }

        await using var stream = await response.Content.ReadAsStreamAsync();
        var times = new List<double>(tokens);
        var buffer = new byte[64 * 1024];
        var kept = 0;
        while (await stream.ReadAsync(buffer.AsMemory(kept)) is > 0 and var count)
        {
            kept = Take(buffer.AsSpan(0, kept + count), Stopwatch.GetTimestamp(), times);
        }

        if (times.Count != tokens)
        {
            throw new InvalidDataException($"A stream had {times.Count} of {tokens} tokens.");
        }

        // The first token waits for the connection and the headers.
        times.RemoveAt(0);
        return times;
    }

    /// <summary>Takes the ids of whole events and moves the rest to the front.</summary>
    /// <returns>Bytes of the rest.</returns>
    private static int Take(Span<byte> text, long now, List<double> times)
    {
        var end = text.LastIndexOf("\n\n"u8) + 2;
        if (end < 2)
        {
            return text.Length;
        }

        var whole = text[..end];
        while (whole.IndexOf(s_ids) is >= 0 and var at)
        {
            whole = whole[(at + s_ids.Length)..];
            if (Utf8Parser.TryParse(whole, out int id, out _))
            {
                times.Add(PacedToken.Microseconds(id, now));
            }
        }

        var rest = text[end..];
        rest.CopyTo(text);
        return rest.Length;
    }
}
