using System.Text.Json.Serialization;

namespace TorchKv.Server.Contracts;

/// <summary>Answers to a chat.</summary>
internal sealed record ChatCompletion
{
    public required string Id { get; init; }

    public string Object { get; init; } = "chat.completion";

    public required long Created { get; init; }

    public required string Model { get; init; }

    public required IReadOnlyList<ChatChoice> Choices { get; init; }

    public required UsageInfo Usage { get; init; }

    public string ServiceTier { get; init; } = "default";

    public string? SystemFingerprint { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<int>? PromptTokenIds { get; init; }
}
