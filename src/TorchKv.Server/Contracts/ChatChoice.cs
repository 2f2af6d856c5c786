using System.Text.Json;
using System.Text.Json.Serialization;

namespace TorchKv.Server.Contracts;

/// <summary>One answer.</summary>
internal sealed record ChatChoice
{
    public required int Index { get; init; }

    public required ChatAnswerMessage Message { get; init; }

    public ChatLogprobs? Logprobs { get; init; }

    public required string FinishReason { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? StopReason { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<int>? TokenIds { get; init; }
}
