using System.Text.Json.Serialization;

namespace TorchKv.Server.Contracts;

/// <summary>One chunk of a chat completion's stream.</summary>
internal sealed record ChatChunk
{
    public required string Id { get; init; }

    public string Object { get; init; } = "chat.completion.chunk";

    public required long Created { get; init; }

    public required string Model { get; init; }

    public string? SystemFingerprint { get; init; }

    public required IReadOnlyList<ChatChunkChoice> Choices { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ChunkUsage? Usage { get; init; }
}
