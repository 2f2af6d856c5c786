namespace TorchKv.Extensions.AI.Templates;

/// <summary>Turns a chat into one prompt. Immutable and thread-safe.</summary>
public interface IChatTemplate
{
    /// <summary>Its name, as options and response headers have it.</summary>
    string Name { get; }

    /// <summary>The prompt of a chat.</summary>
    /// <param name="turns">The turns, first to last.</param>
    /// <param name="ending">How the prompt ends.</param>
    ChatPrompt Render(IReadOnlyList<ChatTurn> turns, ChatEnding ending = ChatEnding.NewAnswer);
}
