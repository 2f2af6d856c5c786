namespace TorchKv.Batch.Contracts;

/// <summary>When a file is deleted by itself.</summary>
internal sealed record ExpiresAfter
{
    public string? Anchor { get; init; }

    public long? Seconds { get; init; }
}
