using System.Text.Json;

namespace TorchKv.Server.Contracts;

/// <summary>A response.</summary>
internal sealed record ResponseObject
{
    public required string Id { get; init; }

    public string Object { get; init; } = "response";

    public required long CreatedAt { get; init; }

    public long? CompletedAt { get; init; }

    public required string Status { get; init; }

    public ResponseFailure? Error { get; init; }

    public ResponseIncomplete? IncompleteDetails { get; init; }

    public string? Instructions { get; init; }

    public int? MaxOutputTokens { get; init; }

    public required string Model { get; init; }

    public required IReadOnlyList<ResponseOutputMessage> Output { get; init; }

    public bool ParallelToolCalls { get; init; }

    public string? PreviousResponseId { get; init; }

    public double? Temperature { get; init; }

    public double? TopP { get; init; }

    public int TopLogprobs { get; init; }

    public string ToolChoice { get; init; } = "none";

    public IReadOnlyList<string> Tools { get; init; } = [];

    public string Truncation { get; init; } = "disabled";

    public bool Store { get; init; }

    public bool Background { get; init; }

    public ResponseTextSettings Text { get; init; } = new();

    public JsonElement? Metadata { get; init; }

    public ResponseUsage? Usage { get; init; }

    public string? User { get; init; }

    public string ServiceTier { get; init; } = "default";
}
