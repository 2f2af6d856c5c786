namespace TorchKv.Runtime.Contracts;

/// <summary>The tokens of one generation.</summary>
/// <param name="PromptTokens">
/// Tokens of the prompt, without those of <see cref="GenerationOptions.GeneratedBefore"/>.
/// </param>
/// <param name="CompletionTokens">
/// Tokens of the text that was generated, with those of <see cref="GenerationOptions.GeneratedBefore"/>; a token that
/// ended it and is no part of it does not count.
/// </param>
/// <param name="CachedTokens">
/// Tokens of the prompt whose keys and values existed already: in the prefix cache, or from earlier turns of the
/// session.
/// </param>
/// <param name="EndTokens">
/// 1 where a token that is no part of the text ended it, an end-of-text id or a stop id; else 0. OpenAI's
/// <c>completion_tokens</c> counts it too.
/// </param>
public readonly record struct Usage(int PromptTokens, int CompletionTokens, int CachedTokens = 0, int EndTokens = 0);
