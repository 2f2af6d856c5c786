using System.Text.Json.Serialization;

namespace TorchKv.Server.Contracts;

/// <summary>A request as the engine would get it.</summary>
internal sealed record RenderedPrompt
{
    public required string RequestId { get; init; }

    public required string Model { get; init; }

    public required IReadOnlyList<int> TokenIds { get; init; }

    public required string Text { get; init; }

    public required SamplingFields SamplingParams { get; init; }

    public bool Stream { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public StreamOptionsFields? StreamOptions { get; init; }

    public int Priority { get; init; }
}
