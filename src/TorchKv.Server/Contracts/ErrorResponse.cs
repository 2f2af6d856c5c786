namespace TorchKv.Server.Contracts;

/// <summary>An error.</summary>
internal sealed record ErrorResponse
{
    public required ErrorDetail Error { get; init; }
}
