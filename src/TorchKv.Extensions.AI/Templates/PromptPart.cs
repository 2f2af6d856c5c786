namespace TorchKv.Extensions.AI.Templates;

/// <summary>A part of a chat's prompt.</summary>
/// <param name="Text">Its text.</param>
/// <param name="IsTemplate">
/// Whether the template wrote it. Special tokens are read in such a part alone, never in what people say.
/// </param>
public readonly record struct PromptPart(string Text, bool IsTemplate);
