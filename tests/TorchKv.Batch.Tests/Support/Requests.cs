using System.Globalization;
using System.Text.Json.Nodes;

namespace TorchKv.Batch.Tests.Support;

/// <summary>Lines of a batch's input.</summary>
internal static class Requests
{
    public static string Line(string customId, string url, JsonObject body, string method = "POST") =>
        new JsonObject { ["custom_id"] = customId, ["method"] = method, ["url"] = url, ["body"] = body }.ToJsonString();

    public static string Completion(
        string customId, string prompt = "Once", int maxTokens = 4, string model = "storyteller") => Line(
        customId,
        "/v1/completions",
        new JsonObject { ["model"] = model, ["prompt"] = prompt, ["max_tokens"] = maxTokens });

    /// <summary>Lines of all kinds, drawn and greedy, with stops, choices and JSON answers.</summary>
    public static IEnumerable<string> Mixed(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var id = string.Create(CultureInfo.InvariantCulture, $"line-{i}");
            yield return (i % 4) switch
            {
                0 => Completion(id, $"Once upon a time {i}", 3 + (i % 17)),
                1 => Line(id, "/v1/chat/completions", new JsonObject
                {
                    ["model"] = "storyteller",
                    ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = $"Story {i % 5}" }),
                    ["max_tokens"] = 6,
                    ["n"] = 2,
                    ["stop"] = "the",
                    ["logprobs"] = true,
                }),
                2 => Line(id, "/v1/responses", new JsonObject
                {
                    ["model"] = "storyteller",
                    ["input"] = $"Hello {i}",
                    ["max_output_tokens"] = 5,
                }),
                _ => Line(id, "/v1/completions", new JsonObject
                {
                    ["model"] = "storyteller",
                    ["prompt"] = new JsonArray("One", "Two"),
                    ["max_tokens"] = 5,
                    ["temperature"] = 0,
                    ["frequency_penalty"] = 0.5,
                }),
            };
        }
    }
}
