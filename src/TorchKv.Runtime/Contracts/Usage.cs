namespace TorchKv.Runtime.Contracts;

/// <summary>What a generation cost, in tokens.</summary>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="CompletionTokens">Tokens that were generated, an end-of-text id not counted.</param>
/// <param name="CachedTokens">Tokens of the prompt whose keys and values were there already: in the prefix cache, or of a conversation's earlier turns.</param>
public readonly record struct Usage(int PromptTokens, int CompletionTokens, int CachedTokens = 0);
