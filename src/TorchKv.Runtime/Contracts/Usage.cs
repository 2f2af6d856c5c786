namespace TorchKv.Runtime.Contracts;

/// <summary>The tokens of one generation.</summary>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="CompletionTokens">Tokens that were generated, an end-of-text id not counted.</param>
/// <param name="CachedTokens">
/// Tokens of the prompt whose keys and values existed already: in the prefix cache, or from earlier turns of the
/// session.
/// </param>
public readonly record struct Usage(int PromptTokens, int CompletionTokens, int CachedTokens = 0);
