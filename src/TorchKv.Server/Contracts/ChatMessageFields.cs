using System.ComponentModel;
using System.Text.Json;

namespace TorchKv.Server.Contracts;

/// <summary>One message of a chat.</summary>
internal sealed record ChatMessageFields
{
    [Description("system, developer, user, assistant, tool or function.")]
    public string? Role { get; init; }

    [Description("A text, or a list of parts of the type text.")]
    public JsonElement? Content { get; init; }

    [Description("Accepted; templates do not use it.")]
    public string? Name { get; init; }

    [Description("Accepted; templates do not use it.")]
    public JsonElement? Refusal { get; init; }

    [Description("Refused.")]
    public JsonElement? Audio { get; init; }

    [Description("What an assistant called; shown to the model as JSON text.")]
    public JsonElement? ToolCalls { get; init; }

    [Description("What an assistant called; shown to the model as JSON text.")]
    public JsonElement? FunctionCall { get; init; }

    [Description("Accepted; templates do not use it.")]
    public string? ToolCallId { get; init; }
}
