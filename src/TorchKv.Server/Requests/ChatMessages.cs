using System.Text;
using System.Text.Json;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Server.Contracts;
using TorchKv.Server.Errors;

namespace TorchKv.Server.Requests;

/// <summary>Messages of a request as the turns of a template.</summary>
internal static class ChatMessages
{
    private static readonly string[] TextParts = ["text", "input_text", "output_text", "refusal"];

    /// <summary>The turns.</summary>
    /// <exception cref="ApiException">There is no message, or one cannot be read.</exception>
    public static IReadOnlyList<ChatTurn> Turns(ChatMessageFields[]? messages)
    {
        if (messages is not { Length: > 0 })
        {
            throw ApiException.Invalid(
                "messages",
                "messages must have at least one message.",
                messages is null ? "missing_field" : "invalid_value");
        }

        return [.. messages.Select((message, i) => Turn(message, $"messages[{i}]"))];
    }

    /// <summary>A role's turn.</summary>
    /// <exception cref="ApiException">There is no such role.</exception>
    public static ChatTurnRole Role(string? role, string param) => role switch
    {
        "system" or "developer" => ChatTurnRole.System,
        "user" => ChatTurnRole.User,
        "assistant" => ChatTurnRole.Assistant,
        "tool" or "function" => ChatTurnRole.Tool,
        _ => throw ApiException.Invalid(
            param,
            $"{param} must be system, developer, user, assistant, tool or function."),
    };

    /// <summary>A message's text: as it is, or of its parts together.</summary>
    /// <exception cref="ApiException">A part is not text.</exception>
    public static string Content(JsonElement content, string param)
    {
        if (content.ValueKind == JsonValueKind.String)
        {
            return JsonFields.Text(content, param);
        }

        if (content.ValueKind != JsonValueKind.Array)
        {
            throw ApiException.Invalid(param, $"{param} must be a text or a list of parts.", "invalid_type");
        }

        var text = new StringBuilder();
        var i = 0;
        foreach (var part in content.EnumerateArray())
        {
            var where = $"{param}[{i++}]";
            if (part.ValueKind != JsonValueKind.Object)
            {
                throw ApiException.Invalid(where, $"{where} must be an object.", "invalid_type");
            }

            var type = JsonFields.Named(part, "type");
            if (!TextParts.Contains(type))
            {
                throw ApiException.Invalid(
                    $"{where}.type",
                    $"{where}.type must be text: the model reads nothing else.",
                    "unsupported_value");
            }

            var field = type == "refusal" ? "refusal" : "text";
            text.Append(part.TryGetProperty(field, out var said)
                ? JsonFields.Text(said, $"{where}.{field}")
                : throw ApiException.Invalid($"{where}.{field}", $"{where}.{field} is missing.", "missing_field"));
        }

        return text.ToString();
    }

    private static ChatTurn Turn(ChatMessageFields? message, string where)
    {
        if (message is null)
        {
            throw ApiException.Invalid(where, $"{where} must be an object.", "invalid_type");
        }

        var role = Role(message.Role, $"{where}.role");
        FieldRules.RefuseIf(!JsonFields.IsEmpty(message.Audio), $"{where}.audio", "left out");
        var calls = JsonFields.IsEmpty(message.ToolCalls) ? message.FunctionCall : message.ToolCalls;
        if (JsonFields.IsNull(message.Content))
        {
            return role == ChatTurnRole.Assistant
                ? new ChatTurn(role, JsonFields.IsEmpty(calls) ? "" : calls!.Value.GetRawText())
                : throw ApiException.Invalid($"{where}.content", $"{where}.content is missing.", "missing_field");
        }

        var text = Content(message.Content!.Value, $"{where}.content");
        return new ChatTurn(role, JsonFields.IsEmpty(calls) ? text : text + calls!.Value.GetRawText());
    }
}
