using System.Net;
using System.Text;

namespace TorchKv.Benchmarks.Http;

/// <summary>Viewers of the live page's feed, who read every event and look at none.</summary>
internal sealed class FeedViewers : IAsyncDisposable
{
    private const int MostTries = 50;
    private static readonly byte[] s_event = Encoding.ASCII.GetBytes("\ndata: {");
    private readonly CancellationTokenSource _stop = new();
    private readonly HttpClient _client;
    private Task _reading = Task.CompletedTask;
    private int _events;

    private FeedViewers(Uri address) => _client = new HttpClient { BaseAddress = address };

    /// <summary>Events that they have read together.</summary>
    public int Events => Volatile.Read(ref _events);

    /// <summary>Opens the feed for some viewers; each has its first event.</summary>
    public static async Task<FeedViewers> OpenAsync(Uri address, int count)
    {
        var viewers = new FeedViewers(address);
        var begun = Enumerable.Range(0, count).Select(_ => new TaskCompletionSource()).ToArray();
        viewers._reading = Task.WhenAll(begun.Select(first => Task.Run(() => viewers.ReadAsync(first))));
        await Task.WhenAny(Task.WhenAll(begun.Select(first => first.Task)), viewers._reading);
        return viewers;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _reading;
        _client.Dispose();
        _stop.Dispose();
    }

    private async Task<HttpResponseMessage> OpenAsync()
    {
        for (var tries = 0; ; tries++)
        {
            var response = await _client.GetAsync(
                "/live/events", HttpCompletionOption.ResponseHeadersRead, _stop.Token);
            if (response.StatusCode == HttpStatusCode.OK)
            {
                return response;
            }

            // The server may not have seen yet that the last round's viewers left.
            response.Dispose();
            if (response.StatusCode != HttpStatusCode.ServiceUnavailable || tries == MostTries)
            {
                throw new InvalidDataException($"The feed answers {(int)response.StatusCode}.");
            }

            await Task.Delay(100, _stop.Token);
        }
    }

    private async Task ReadAsync(TaskCompletionSource begun)
    {
        try
        {
            using var response = await OpenAsync();

            await using var stream = await response.Content.ReadAsStreamAsync(_stop.Token);
            var buffer = new byte[256 * 1024];
            while (await stream.ReadAsync(buffer, _stop.Token) is > 0 and var count)
            {
                // A mark that is cut between two reads is not counted; there are few.
                Interlocked.Add(ref _events, buffer.AsSpan(0, count).Count(s_event));
                begun.TrySetResult();
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The round is over.
        }
    }
}
