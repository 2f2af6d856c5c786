namespace TorchKv.Extensions.AI.Templates;

/// <summary>
/// The turns' texts with an empty line between them, and nothing else: the model continues the last one.
/// </summary>
internal sealed class PlainTemplate : IChatTemplate
{
    private const string Separator = "\n\n";

    public string Name => "plain";

    public ChatPrompt Render(IReadOnlyList<ChatTurn> turns, ChatEnding ending)
    {
        ArgumentNullException.ThrowIfNull(turns);
        var parts = new List<PromptPart>();
        foreach (var turn in turns)
        {
            if (parts.Count > 0)
            {
                parts.Add(new PromptPart(Separator, IsTemplate: true));
            }

            parts.Add(new PromptPart(turn.Text, IsTemplate: false));
        }

        return new ChatPrompt { Parts = parts };
    }
}
