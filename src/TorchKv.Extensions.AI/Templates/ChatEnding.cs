namespace TorchKv.Extensions.AI.Templates;

/// <summary>How a chat's prompt ends.</summary>
public enum ChatEnding
{
    /// <summary>With the words that begin the model's turn.</summary>
    NewAnswer,

    /// <summary>With the last turn left open, so that the model continues it.</summary>
    OpenLastTurn,

    /// <summary>After the last turn.</summary>
    ClosedLastTurn,
}
