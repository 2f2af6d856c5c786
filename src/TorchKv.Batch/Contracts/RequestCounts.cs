namespace TorchKv.Batch.Contracts;

/// <summary>How many lines a batch has, and how many are done.</summary>
internal sealed record RequestCounts
{
    public required long Total { get; init; }

    public required long Completed { get; init; }

    public required long Failed { get; init; }
}
