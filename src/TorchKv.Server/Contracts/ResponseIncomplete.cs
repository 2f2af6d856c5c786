namespace TorchKv.Server.Contracts;

/// <summary>Why a response ended early.</summary>
internal sealed record ResponseIncomplete
{
    public required string Reason { get; init; }
}
