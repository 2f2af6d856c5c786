namespace TorchKv.Server.Internal;

/// <summary>Why a replica could not generate, with the status that it would have answered.</summary>
internal sealed record InternalError
{
    public required int Status { get; init; }

    public required string Message { get; init; }

    public required string Type { get; init; }

    public string? Param { get; init; }

    public string? Code { get; init; }
}
