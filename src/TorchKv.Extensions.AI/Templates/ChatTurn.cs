namespace TorchKv.Extensions.AI.Templates;

/// <summary>One turn of a chat.</summary>
/// <param name="Role">Who says it.</param>
/// <param name="Text">What is said. It is never read as a special token.</param>
public sealed record ChatTurn(ChatTurnRole Role, string Text);
