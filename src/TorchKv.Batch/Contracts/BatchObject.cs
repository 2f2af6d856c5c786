using System.Text.Json;

namespace TorchKv.Batch.Contracts;

/// <summary>A batch, as OpenAI shows it.</summary>
internal sealed record BatchObject
{
    public required string Id { get; init; }

    public string Object => "batch";

    public required string Endpoint { get; init; }

    public required JsonElement? Errors { get; init; }

    public required string InputFileId { get; init; }

    public required string CompletionWindow { get; init; }

    public required string Status { get; init; }

    public required string? OutputFileId { get; init; }

    public required string? ErrorFileId { get; init; }

    public required long CreatedAt { get; init; }

    public required long? InProgressAt { get; init; }

    public required long ExpiresAt { get; init; }

    public required long? FinalizingAt { get; init; }

    public required long? CompletedAt { get; init; }

    public required long? FailedAt { get; init; }

    public required long? ExpiredAt { get; init; }

    public required long? CancellingAt { get; init; }

    public required long? CancelledAt { get; init; }

    public required RequestCounts RequestCounts { get; init; }

    public required JsonElement? Metadata { get; init; }
}
