using System.Text.Json.Serialization;

namespace TorchKv.Server.Contracts;

/// <summary>
/// A usage that is present and may be null: chunks before the last have <c>"usage":null</c> where one was asked for.
/// </summary>
/// <param name="Value">The usage.</param>
[JsonConverter(typeof(ChunkUsageConverter))]
internal sealed record ChunkUsage(UsageInfo? Value)
{
    public static ChunkUsage Null { get; } = new((UsageInfo?)null);
}
