namespace TorchKv.Batch.Contracts;

/// <summary>All that is wrong with a batch's input; of many faults the first ones.</summary>
internal sealed record BatchErrors
{
    public string Object => "list";

    public required IReadOnlyList<BatchError> Data { get; init; }
}
