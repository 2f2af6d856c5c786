namespace TorchKv.Benchmarks.Cluster;

/// <summary>A request for a stream.</summary>
/// <param name="Path">The endpoint.</param>
/// <param name="Body">The JSON.</param>
/// <param name="Conversation">The conversation that it belongs to.</param>
internal sealed record ClusterRequest(string Path, string Body, string Conversation)
{
    public const string ConversationHeader = "X-Conversation-Id";

    /// <summary>Names the stream for a client that comes back; null: it does not.</summary>
    public string? IdempotencyKey { get; init; }
}
