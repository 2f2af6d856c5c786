namespace TorchKv.Server.Contracts;

/// <summary>The server's version.</summary>
internal sealed record VersionInfo
{
    public required string Version { get; init; }
}
