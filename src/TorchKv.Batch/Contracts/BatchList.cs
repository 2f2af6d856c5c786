namespace TorchKv.Batch.Contracts;

/// <summary>Batches, a page of them.</summary>
internal sealed record BatchList
{
    public string Object => "list";

    public required IReadOnlyList<BatchObject> Data { get; init; }

    public required string? FirstId { get; init; }

    public required string? LastId { get; init; }

    public required bool HasMore { get; init; }
}
