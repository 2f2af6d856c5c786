namespace TorchKv.Batch.Contracts;

/// <summary>Files, a page of them.</summary>
internal sealed record FileList
{
    public string Object => "list";

    public required IReadOnlyList<FileObject> Data { get; init; }

    public required string? FirstId { get; init; }

    public required string? LastId { get; init; }

    public required bool HasMore { get; init; }
}
