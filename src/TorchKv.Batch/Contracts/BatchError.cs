namespace TorchKv.Batch.Contracts;

/// <summary>What is wrong with a batch's input.</summary>
internal sealed record BatchError
{
    public required string Code { get; init; }

    public required string Message { get; init; }

    public required string? Param { get; init; }

    public required long? Line { get; init; }
}
