using System.ComponentModel;

namespace TorchKv.Server.Contracts;

/// <summary>Token ids to turn into a text.</summary>
internal sealed record DetokenizeRequest
{
    [Description("The model's id, or one of its other names.")]
    public string? Model { get; init; }

    [Description("The ids.")]
    public int[]? Tokens { get; init; }
}
