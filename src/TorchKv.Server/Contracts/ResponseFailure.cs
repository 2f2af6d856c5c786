namespace TorchKv.Server.Contracts;

/// <summary>Why a response failed.</summary>
internal sealed record ResponseFailure
{
    public required string Code { get; init; }

    public required string Message { get; init; }
}
