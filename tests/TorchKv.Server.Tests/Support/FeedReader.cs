using System.Text.Json.Nodes;

namespace TorchKv.Server.Tests.Support;

/// <summary>Reads the live page's feed.</summary>
internal sealed class FeedReader : IDisposable
{
    private readonly HttpResponseMessage _response;
    private readonly StreamReader _lines;

    private FeedReader(HttpResponseMessage response, Stream stream)
    {
        _response = response;
        _lines = new StreamReader(stream);
    }

    public static async Task<FeedReader> OpenAsync(RunningServer server, string? lastEventId = null, string? key = null)
    {
        var response = await SendAsync(server, lastEventId, key);
        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal("text/event-stream; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        return new FeedReader(response, await response.Content.ReadAsStreamAsync());
    }

    public static Task<HttpResponseMessage> SendAsync(
        RunningServer server, string? lastEventId = null, string? key = null, (string Name, string Value)? header = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/live/events");
        if (lastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        if (key is not null)
        {
            request.Headers.Add("Authorization", "Bearer " + key);
        }

        if (header is { } more)
        {
            request.Headers.Add(more.Name, more.Value);
        }

        return server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    /// <summary>The next event: its id, its name and its data; null where the feed has ended.</summary>
    public async Task<(string Id, string Name, JsonNode Data)?> NextAsync()
    {
        string? id = null, name = null, data = null;
        while (await _lines.ReadLineAsync() is { } line)
        {
            if (line.StartsWith("id: ", StringComparison.Ordinal))
            {
                id = line[4..];
            }
            else if (line.StartsWith("event: ", StringComparison.Ordinal))
            {
                name = line[7..];
            }
            else if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                data = line[6..];
            }
            else if (line.Length == 0 && data is not null)
            {
                return (id!, name!, JsonNode.Parse(data)!);
            }
        }

        return null;
    }

    public void Dispose()
    {
        _lines.Dispose();
        _response.Dispose();
    }
}
