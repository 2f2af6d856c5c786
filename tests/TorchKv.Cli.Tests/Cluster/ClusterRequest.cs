using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace TorchKv.Cli.Tests.Cluster;

/// <summary>A streamed request, of all kinds and with all kinds of options.</summary>
/// <param name="Path">The endpoint.</param>
/// <param name="Body">The body.</param>
/// <param name="Key">Its idempotency key, which decides the answer's id and the seed.</param>
internal sealed partial record ClusterRequest(string Path, JsonObject Body, string Key)
{
    private static readonly string[] s_texts = ["Once upon a time", "The cat sat", "Tom and Lily went", "One day a dog"];

    /// <summary>Requests that differ in everything that a resumed stream must keep to.</summary>
    public static ClusterRequest[] Many(int count, int tokens) =>
        [.. Enumerable.Range(0, count).Select(i => Of(i, tokens))];

    /// <summary>What is equal in two runs: all but the time, and what a cache had.</summary>
    public static string Comparable(string stream) => Times().Replace(Cached().Replace(stream, "\"cached_tokens\":0"), "$1:0");

    private static ClusterRequest Of(int i, int tokens)
    {
        var text = $"{s_texts[i % s_texts.Length]} {i}";
        var body = new JsonObject { ["model"] = "storyteller", ["stream"] = true };
        if (i % 8 == 7)
        {
            (body["input"], body["max_output_tokens"]) = (text, tokens);
            return new ClusterRequest("/v1/responses", body, $"key {i}");
        }

        body["max_tokens"] = tokens;
        body["temperature"] = i % 3 == 0 ? 0 : 0.9;
        body["stream_options"] = new JsonObject { ["include_usage"] = true };
        switch (i % 8)
        {
            case 0:
                (body["frequency_penalty"], body["presence_penalty"]) = (0.7, 0.4);
                break;
            case 1:
                (body["stop"], body["min_tokens"]) = (new JsonArray(" the end", "\n\n", "e w"), tokens / 2);
                break;
            case 2:
                body["response_format"] = JsonNode.Parse(
                    """
                    {"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object","required":["name","words"],
                     "properties":{"name":{"type":"string"},"words":{"type":"array","items":{"type":"string"},"minItems":3}}}}}
                    """);
                break;
            case 3:
                (body["repetition_penalty"], body["top_p"], body["top_k"]) = (1.2, 0.95, 40);
                break;
            case 4:
                body["ignore_eos"] = true;
                break;
            case 5:
                body["logit_bias"] = new JsonObject { ["262"] = -20, ["11"] = 2 };
                break;
        }

        if (i % 2 == 0)
        {
            body["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = text });
            return new ClusterRequest("/v1/chat/completions", body, $"key {i}");
        }

        body["prompt"] = text;
        if (i % 8 == 5)
        {
            body["logprobs"] = 2;
        }

        return new ClusterRequest("/v1/completions", body, $"key {i}");
    }

    [GeneratedRegex("\"cached_tokens\":\\d+")]
    private static partial Regex Cached();

    [GeneratedRegex("(\"(?:created|created_at|completed_at)\"):\\d+")]
    private static partial Regex Times();
}
