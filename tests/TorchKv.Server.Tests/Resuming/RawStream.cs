using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace TorchKv.Server.Tests.Resuming;

/// <summary>A stream's blocks of lines, as they were sent.</summary>
internal sealed partial class RawStream(IReadOnlyList<string> blocks)
{
    public IReadOnlyList<string> Blocks => blocks;

    /// <summary>The stream as text.</summary>
    public string Text => string.Concat(blocks);

    /// <summary>The id of the last event that has one; null: none has.</summary>
    public string? LastEventId => blocks.Select(IdOf).LastOrDefault(id => id is not null);

    public string AnswerId
    {
        get
        {
            var json = Data(blocks[0])!;
            return (string)(json["id"] ?? json["response"]!["id"])!;
        }
    }

    public long Created
    {
        get
        {
            var json = blocks.Select(Data).FirstOrDefault(data => data?["created"] is not null || data?["response"] is not null);
            return (long?)(json?["created"] ?? json?["response"]!["created_at"]) ?? 0;
        }
    }

    /// <summary>Posts a request and reads its stream.</summary>
    public static async Task<RawStream> ReadAsync(
        HttpClient client, Uri address, JsonObject body, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, address);
        request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        foreach (var (name, value) in headers)
        {
            request.Headers.Add(name, value);
        }

        using var response = await client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, $"{(int)response.StatusCode}: {text}");
        Assert.Equal(new MediaTypeHeaderValue("text/event-stream", "utf-8"), response.Content.Headers.ContentType);
        var blocks = text.Split("\n\n");
        Assert.Equal("", blocks[^1]);
        return new RawStream([.. blocks[..^1].Where(block => !block.StartsWith(':')).Select(block => block + "\n\n")]);
    }

    /// <summary>The first events alone, as one has them whose connection broke.</summary>
    public RawStream Cut(int count) => new([.. blocks.Take(count)]);

    /// <summary>The ids of each choice that the events' ids name.</summary>
    public int[][] TokenIds(int choices)
    {
        var ids = Enumerable.Range(0, choices).Select(_ => new List<int>()).ToArray();
        foreach (var id in blocks.Select(IdOf).OfType<string>().Where(id => id != "usage"))
        {
            var words = id.Split(' ');
            var choice = words[0].Contains('/') ? int.Parse(words[0].Split('/')[0]) : 0;
            ids[choice].AddRange(words.Skip(1).Where(word => int.TryParse(word, out _)).Select(int.Parse));
            Assert.Equal(ids[choice].Count, int.Parse(words[0].Split('/')[^1]));
        }

        return [.. ids.Select(list => list.ToArray())];
    }

    /// <summary>The events' data of one choice, and of the whole answer after them.</summary>
    public IReadOnlyList<string> DataOf(int choice) =>
        [.. blocks.Where(block => Data(block)?["choices"] is not JsonArray { Count: > 0 } choices
            || (int)choices[0]!["index"]! == choice).Select(block => block[block.IndexOf("data: ", StringComparison.Ordinal)..])];

    /// <summary>A text without what the cache and the clock decide.</summary>
    public static string Comparable(string text) =>
        Clock().Replace(Cached().Replace(text, "\"cached_tokens\":0"), "\"completed_at\":0");

    private static string? IdOf(string block) =>
        block.Split('\n').SingleOrDefault(line => line.StartsWith("id: ", StringComparison.Ordinal))?["id: ".Length..];

    private static JsonNode? Data(string block)
    {
        var data = block.Split('\n').Single(line => line.StartsWith("data: ", StringComparison.Ordinal))["data: ".Length..];
        return data == "[DONE]" ? null : JsonNode.Parse(data);
    }

    [GeneratedRegex("\"cached_tokens\":\\d+")]
    private static partial Regex Cached();

    [GeneratedRegex("\"completed_at\":\\d+")]
    private static partial Regex Clock();
}
