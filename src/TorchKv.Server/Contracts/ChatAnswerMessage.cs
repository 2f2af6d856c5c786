namespace TorchKv.Server.Contracts;

/// <summary>The answer of a chat completion.</summary>
internal sealed record ChatAnswerMessage
{
    public string Role { get; init; } = "assistant";

    public required string Content { get; init; }

    public string? Refusal { get; init; }

    public IReadOnlyList<string> Annotations { get; init; } = [];
}
