using System.ComponentModel;

namespace TorchKv.Server.Contracts;

/// <summary>A prompt of which the caller wants to know how much is cached.</summary>
internal sealed record PrefixQuestion
{
    [Description("The prompt's text.")]
    public string? Prompt { get; init; }

    [Description("The salt that the prompt's request would have.")]
    public string? CacheSalt { get; init; }
}
