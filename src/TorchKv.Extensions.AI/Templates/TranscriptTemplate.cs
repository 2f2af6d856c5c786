namespace TorchKv.Extensions.AI.Templates;

/// <summary>
/// A written conversation, which a model that was never trained on chats can follow: <c>User: …</c> and
/// <c>Assistant: …</c> line by line, with instructions as paragraphs.
/// </summary>
internal sealed class TranscriptTemplate : IChatTemplate
{
    private static readonly string[] StopTexts = ["\nUser:"];

    public string Name => "transcript";

    public ChatPrompt Render(IReadOnlyList<ChatTurn> turns, ChatEnding ending)
    {
        ArgumentNullException.ThrowIfNull(turns);
        var parts = new List<PromptPart>();
        for (var i = 0; i < turns.Count; i++)
        {
            var (role, text) = turns[i];
            parts.Add(new PromptPart(Label(role), IsTemplate: true));
            parts.Add(new PromptPart(text, IsTemplate: false));
            if (i < turns.Count - 1 || ending == ChatEnding.NewAnswer)
            {
                parts.Add(new PromptPart(role == ChatTurnRole.System ? "\n\n" : "\n", IsTemplate: true));
            }
        }

        if (ending == ChatEnding.NewAnswer)
        {
            parts.Add(new PromptPart("Assistant:", IsTemplate: true));
        }

        return new ChatPrompt { Parts = parts, Stop = StopTexts, TrimsAnswerStart = ending == ChatEnding.NewAnswer };
    }

    private static string Label(ChatTurnRole role) => role switch
    {
        ChatTurnRole.System => "",
        ChatTurnRole.Assistant => "Assistant: ",
        ChatTurnRole.Tool => "Tool: ",
        _ => "User: ",
    };
}
