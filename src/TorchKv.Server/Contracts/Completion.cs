using System.Text.Json.Serialization;

namespace TorchKv.Server.Contracts;

/// <summary>Completions, or one chunk of their stream.</summary>
internal sealed record Completion
{
    public required string Id { get; init; }

    public string Object { get; init; } = "text_completion";

    public required long Created { get; init; }

    public required string Model { get; init; }

    public string? SystemFingerprint { get; init; }

    public required IReadOnlyList<CompletionChoice> Choices { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ChunkUsage? Usage { get; init; }
}
