namespace TorchKv.Server.Contracts;

/// <summary>The models that are served.</summary>
internal sealed record ModelList
{
    public string Object { get; init; } = "list";

    public required IReadOnlyList<ModelCard> Data { get; init; }
}
