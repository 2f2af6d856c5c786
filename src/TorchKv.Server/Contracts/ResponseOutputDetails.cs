namespace TorchKv.Server.Contracts;

/// <summary>Of the output's tokens, those of reasoning.</summary>
internal sealed record ResponseOutputDetails
{
    public int ReasoningTokens { get; init; }
}
