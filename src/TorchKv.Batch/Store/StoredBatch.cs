namespace TorchKv.Batch.Store;

/// <summary>A batch as its row has it.</summary>
internal sealed record StoredBatch
{
    public required long No { get; init; }

    public required string Id { get; init; }

    public required string Tenant { get; init; }

    /// <summary>validating, in_progress, finalizing, completed, failed, expired, cancelling or cancelled.</summary>
    public required string Status { get; init; }

    public required string Endpoint { get; init; }

    public required string InputFileId { get; init; }

    public required string CompletionWindow { get; init; }

    /// <summary>The caller's own pairs, as JSON; null: none.</summary>
    public string? Metadata { get; init; }

    public required DateTime CreatedAt { get; init; }

    public required DateTime ExpiresAt { get; init; }

    public DateTime? InProgressAt { get; init; }

    public DateTime? FinalizingAt { get; init; }

    public DateTime? CompletedAt { get; init; }

    public DateTime? FailedAt { get; init; }

    public DateTime? ExpiredAt { get; init; }

    public DateTime? CancellingAt { get; init; }

    public DateTime? CancelledAt { get; init; }

    public string? OutputFileId { get; init; }

    public string? ErrorFileId { get; init; }

    /// <summary>What is wrong with the input, as JSON; null: nothing.</summary>
    public string? Errors { get; init; }

    public required long Total { get; init; }

    public required long Completed { get; init; }

    public required long Failed { get; init; }
}
