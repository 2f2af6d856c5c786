namespace TorchKv.Batch.Contracts;

/// <summary>A file, as OpenAI shows it.</summary>
internal sealed record FileObject
{
    public required string Id { get; init; }

    public string Object => "file";

    public required long Bytes { get; init; }

    public required long CreatedAt { get; init; }

    public required long? ExpiresAt { get; init; }

    public required string Filename { get; init; }

    public required string Purpose { get; init; }

    public string Status => "processed";
}
