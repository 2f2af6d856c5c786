namespace TorchKv.Batch.Contracts;

/// <summary>Says that a file was deleted.</summary>
internal sealed record DeletedFile
{
    public required string Id { get; init; }

    public string Object => "file";

    public bool Deleted => true;
}
