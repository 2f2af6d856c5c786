namespace TorchKv.Server.Contracts;

/// <summary>The text of token ids.</summary>
internal sealed record DetokenizeResponse
{
    public required string Prompt { get; init; }
}
