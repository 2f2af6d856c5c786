namespace TorchKv.Server.Contracts;

/// <summary>What went wrong, as OpenAI words it.</summary>
internal sealed record ErrorDetail
{
    public required string Message { get; init; }

    public required string Type { get; init; }

    public string? Param { get; init; }

    public string? Code { get; init; }
}
