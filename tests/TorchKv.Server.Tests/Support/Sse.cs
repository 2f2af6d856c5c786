using System.Text;
using System.Text.Json.Nodes;

namespace TorchKv.Server.Tests.Support;

/// <summary>A stream of server-sent events, read whole and held to the form that clients expect.</summary>
internal sealed record Sse(IReadOnlyList<JsonNode> Events, IReadOnlyList<string> Names, int Comments, bool IsDone)
{
    private static readonly UTF8Encoding Strict = new(
        encoderShouldEmitUTF8Identifier: false,
        throwOnInvalidBytes: true);

    /// <summary>Reads a stream; each event must be one whole line of valid JSON in valid UTF-8.</summary>
    public static Sse Parse(byte[] bytes)
    {
        var text = Strict.GetString(bytes);
        var events = new List<JsonNode>();
        var names = new List<string>();
        var comments = 0;
        var isDone = false;
        Assert.EndsWith("\n\n", text);
        foreach (var block in text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            Assert.False(isDone, "Something comes after [DONE].");
            var lines = block.Split('\n');
            if (lines[0].StartsWith(':'))
            {
                comments++;
            }
            else if (block == "data: [DONE]")
            {
                isDone = true;
            }
            else
            {
                if (lines[0].StartsWith("event: ", StringComparison.Ordinal))
                {
                    names.Add(lines[0]["event: ".Length..]);
                    lines = lines[1..];
                }

                Assert.StartsWith("data: ", Assert.Single(lines));
                events.Add(JsonNode.Parse(lines[0]["data: ".Length..])!);
            }
        }

        return new Sse(events, names, comments, isDone);
    }

    /// <summary>The error object of a body or an event; its form is OpenAI's.</summary>
    public static JsonNode Error(JsonNode body)
    {
        var error = body["error"]!.AsObject();
        Assert.Equal(["code", "message", "param", "type"], error.Select(field => field.Key).Order());
        Assert.False(string.IsNullOrEmpty((string?)error["message"]));
        Assert.True(error["code"] is null || error["code"]!.GetValueKind() == System.Text.Json.JsonValueKind.String);
        return error;
    }

    /// <summary>Chunks of one choice.</summary>
    public IEnumerable<JsonNode> Choice(int index)
        => Events.SelectMany(e => e["choices"]?.AsArray() ?? []).Where(choice => (int)choice!["index"]! == index)!;

    /// <summary>One choice's text: of chats and of completions.</summary>
    public string Text(int index = 0)
        => string.Concat(Choice(index)
            .Select(choice => (string?)choice["delta"]?["content"] ?? (string?)choice["text"]));

    /// <summary>The finish reasons that a choice has, null ones left out.</summary>
    public IReadOnlyList<string> Reasons(int index = 0)
        => [.. Choice(index).Select(choice => (string?)choice["finish_reason"]).OfType<string>()];

    /// <summary>The usage of the last event that has one.</summary>
    public JsonNode? Usage => Events.Select(e => e["usage"]).LastOrDefault(usage => usage is not null);
}
