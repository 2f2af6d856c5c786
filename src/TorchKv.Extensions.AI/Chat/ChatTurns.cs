using Microsoft.Extensions.AI;
using TorchKv.Extensions.AI.Templates;

namespace TorchKv.Extensions.AI.Chat;

/// <summary>Messages of Microsoft.Extensions.AI as the turns of a template.</summary>
internal static class ChatTurns
{
    /// <summary>The turns of a call: the options' instructions first, then the messages.</summary>
    /// <exception cref="NotSupportedException">A message holds something that is not text.</exception>
    public static IReadOnlyList<ChatTurn> Of(IEnumerable<ChatMessage> messages, string? instructions)
    {
        var turns = new List<ChatTurn>();
        if (!string.IsNullOrEmpty(instructions))
        {
            turns.Add(new ChatTurn(ChatTurnRole.System, instructions));
        }

        foreach (var message in messages)
        {
            turns.Add(new ChatTurn(RoleOf(message.Role), string.Concat(message.Contents.Select(TextOf))));
        }

        return turns;
    }

    private static ChatTurnRole RoleOf(ChatRole role) =>
        role == ChatRole.User ? ChatTurnRole.User
        : role == ChatRole.Assistant ? ChatTurnRole.Assistant
        : role == ChatRole.Tool ? ChatTurnRole.Tool
        : role == ChatRole.System || role == new ChatRole("developer") ? ChatTurnRole.System
        : throw new NotSupportedException(
            $"A message has the role '{role}'; these are known: system, developer, user, assistant, tool.");

    private static string TextOf(AIContent content) => content switch
    {
        TextContent text => text.Text,
        UsageContent or TextReasoningContent => "",
        FunctionResultContent result => result.Result?.ToString() ?? "",
        FunctionCallContent => "",
        ErrorContent error => error.Message,
        _ => throw new NotSupportedException($"A message holds {content.GetType().Name}; the model reads text alone."),
    };
}
