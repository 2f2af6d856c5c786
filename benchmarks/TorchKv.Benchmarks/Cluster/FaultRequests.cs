using System.Globalization;

namespace TorchKv.Benchmarks.Cluster;

/// <summary>
/// The requests of the rows with faults: every way of decoding, all with a seed, so that texts can be compared.
/// </summary>
internal static class FaultRequests
{
    private const string Chat = "/v1/chat/completions";
    private const string Completion = "/v1/completions";

    private static readonly (string Path, string Options)[] s_kinds =
    [
        (Completion, "\"temperature\":0,\"ignore_eos\":true"),
        (Completion, "\"temperature\":0.8,\"ignore_eos\":true"),
        (Completion, "\"temperature\":0.9,\"top_p\":0.95,\"repetition_penalty\":1.1,\"ignore_eos\":true"),
        (Completion, "\"temperature\":0.7,\"frequency_penalty\":0.3,\"presence_penalty\":0.2,\"ignore_eos\":true"),
        (Completion, "\"temperature\":0.8,\"stop\":[\" zebra\",\" the end of all\"],\"min_tokens\":40"),
        (Completion, "\"temperature\":0.8,\"structured_outputs\":{\"regex\":\"( [a-z]{1,9}[,.]?){60,200}\"}"),
        (Completion, "\"temperature\":1,\"top_k\":40,\"min_p\":0.02,\"logit_bias\":{\"11\":-2},\"ignore_eos\":true"),
        (Chat, "\"temperature\":0.8,\"ignore_eos\":true"),
    ];

    /// <summary>What follows in each request: its name in the details of a row that falls short.</summary>
    public static string KindOf(int stream) => s_kinds[stream % s_kinds.Length].Options;

    /// <summary>Requests for streams at once.</summary>
    /// <param name="count">How many.</param>
    /// <param name="tokens">The most tokens of each.</param>
    /// <param name="idempotencyKeys">Whether the client may come back for the rest of a stream.</param>
    public static ClusterRequest[] Of(int count, int tokens, bool idempotencyKeys = false) =>
        [.. Enumerable.Range(0, count).Select(i => Of(i, tokens) with
        {
            IdempotencyKey = idempotencyKeys ? $"stream-{i}-{Guid.NewGuid():N}" : null,
        })];

    private static ClusterRequest Of(int stream, int tokens)
    {
        var (path, options) = s_kinds[stream % s_kinds.Length];
        var text = $"Once upon a time there were {stream} little animals who lived in a wood.";
        var prompt = path == Chat
            ? $$"""
                "messages":[{"role":"user","content":"{{text}} What did they do?"}]
                """
            : $"\"prompt\":\"{text}\"";
        var body = string.Create(
            CultureInfo.InvariantCulture,
            $$"""
            {"model":"storyteller",{{prompt}},{{options}},"max_tokens":{{tokens}},"seed":{{stream + 1}},
            "stream_options":{"include_usage":true},"stream":true}
            """);
        return new ClusterRequest(path, body, $"stream-{stream}");
    }
}
