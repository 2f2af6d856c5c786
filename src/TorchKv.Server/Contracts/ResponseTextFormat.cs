using System.Text.Json;
using System.Text.Json.Serialization;

namespace TorchKv.Server.Contracts;

/// <summary>The form of a response's text, as the request asked for it.</summary>
internal sealed record ResponseTextFormat
{
    public string Type { get; init; } = "text";

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? Name { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? Description { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? Schema { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? Strict { get; init; }
}
