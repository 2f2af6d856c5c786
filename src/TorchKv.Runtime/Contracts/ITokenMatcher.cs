namespace TorchKv.Runtime.Contracts;

/// <summary>
/// How far one sequence has come through its <see cref="TokenConstraint"/>. Begins with no token; the prompt is not
/// part of it.
/// </summary>
/// <remarks>
/// One thread at a time may use a matcher. Matchers of several sequences may be used at once. Special tokens are never
/// allowed; the engine itself adds the end-of-text ids where <see cref="CanEnd"/> is true.
/// </remarks>
public interface ITokenMatcher
{
    /// <summary>Whether the tokens so far are a complete text, so that the text may end here.</summary>
    bool CanEnd { get; }

    /// <summary>Writes which tokens may come next.</summary>
    /// <param name="allowed">
    /// ⌈vocabulary / 64⌉ words; bit <c>id % 64</c> of word <c>id / 64</c> is set where the token may come next. Every
    /// word is written. All bits are 0 where nothing may follow.
    /// </param>
    /// <exception cref="ConstraintException">The constraint exceeds one of its limits.</exception>
    void WriteMask(Span<ulong> allowed);

    /// <summary>Takes a token.</summary>
    /// <param name="tokenId">The id.</param>
    /// <returns>False where the token is not allowed here; nothing has changed then.</returns>
    /// <exception cref="ConstraintException">The constraint exceeds one of its limits.</exception>
    bool TryAppend(int tokenId);

    /// <summary>Takes back the last tokens.</summary>
    /// <param name="tokens">How many; at most those taken so far.</param>
    void RemoveLast(int tokens);

    /// <summary>
    /// Writes the tokens that the constraint leaves no choice about, as the tokenizer would write them.
    /// </summary>
    /// <param name="tokenIds">Receives the ids; its length is the most that are wanted.</param>
    /// <returns>How many were written; 0 where the next token is a choice.</returns>
    int WriteForcedTokens(Span<int> tokenIds);

    /// <summary>A matcher that has seen the same tokens and goes its own way from here.</summary>
    ITokenMatcher Fork();
}
