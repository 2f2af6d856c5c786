namespace TorchKv.Extensions.AI.Templates;

/// <summary>ChatML: every turn between <c>&lt;|im_start|&gt;</c> and <c>&lt;|im_end|&gt;</c>.</summary>
internal sealed class ChatMlTemplate : IChatTemplate
{
    private const string Start = "<|im_start|>";
    private const string End = "<|im_end|>";
    private static readonly string[] StopTexts = [End];

    public string Name => "chatml";

    public ChatPrompt Render(IReadOnlyList<ChatTurn> turns, ChatEnding ending)
    {
        ArgumentNullException.ThrowIfNull(turns);
        var parts = new List<PromptPart>();
        for (var i = 0; i < turns.Count; i++)
        {
            parts.Add(new PromptPart($"{Start}{RoleName(turns[i].Role)}\n", IsTemplate: true));
            parts.Add(new PromptPart(turns[i].Text, IsTemplate: false));
            if (i < turns.Count - 1 || ending != ChatEnding.OpenLastTurn)
            {
                parts.Add(new PromptPart(End + "\n", IsTemplate: true));
            }
        }

        if (ending == ChatEnding.NewAnswer)
        {
            parts.Add(new PromptPart($"{Start}assistant\n", IsTemplate: true));
        }

        return new ChatPrompt { Parts = parts, Stop = StopTexts };
    }

    private static string RoleName(ChatTurnRole role) => role switch
    {
        ChatTurnRole.System => "system",
        ChatTurnRole.Assistant => "assistant",
        ChatTurnRole.Tool => "tool",
        _ => "user",
    };
}
