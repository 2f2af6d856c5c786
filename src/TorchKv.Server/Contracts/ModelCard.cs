namespace TorchKv.Server.Contracts;

/// <summary>A model that is served.</summary>
internal sealed record ModelCard
{
    public required string Id { get; init; }

    public string Object { get; init; } = "model";

    public required long Created { get; init; }

    public string OwnedBy { get; init; } = "torchkv";

    public required string Root { get; init; }

    public string? Parent { get; init; }

    public required int MaxModelLen { get; init; }
}
