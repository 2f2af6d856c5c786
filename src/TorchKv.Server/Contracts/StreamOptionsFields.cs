using System.ComponentModel;

namespace TorchKv.Server.Contracts;

/// <summary>What a stream has in addition to text.</summary>
internal sealed record StreamOptionsFields
{
    [Description("Whether a last chunk without choices has the usage.")]
    public bool? IncludeUsage { get; init; }

    [Description("Whether every chunk has the usage so far.")]
    public bool? ContinuousUsageStats { get; init; }

    [Description("Accepted; there is none.")]
    public bool? IncludeObfuscation { get; init; }
}
