namespace TorchKv.Server.Contracts;

/// <summary>How the server is.</summary>
internal sealed record StateInfo
{
    public required string Status { get; init; }
}
