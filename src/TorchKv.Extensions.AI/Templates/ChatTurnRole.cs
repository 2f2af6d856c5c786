namespace TorchKv.Extensions.AI.Templates;

/// <summary>Who says a turn of a chat.</summary>
public enum ChatTurnRole
{
    /// <summary>Instructions to the model; OpenAI's <c>system</c> and <c>developer</c>.</summary>
    System,

    /// <summary>The person.</summary>
    User,

    /// <summary>The model.</summary>
    Assistant,

    /// <summary>What a tool gave back.</summary>
    Tool,
}
