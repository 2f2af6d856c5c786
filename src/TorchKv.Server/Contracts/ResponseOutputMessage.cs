namespace TorchKv.Server.Contracts;

/// <summary>A response's message.</summary>
internal sealed record ResponseOutputMessage
{
    public required string Id { get; init; }

    public string Type { get; init; } = "message";

    public required string Status { get; init; }

    public string Role { get; init; } = "assistant";

    public required IReadOnlyList<ResponseOutputText> Content { get; init; }
}
