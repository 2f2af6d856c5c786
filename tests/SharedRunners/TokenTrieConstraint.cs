using TorchKv.Runtime.Contracts;

namespace TorchKv.TestSupport;

/// <summary>
/// Allows some sequences of token ids and no other: the tokens that may come next are those that follow in one of them,
/// and the text may end where one of them does.
/// </summary>
internal sealed class TokenTrieConstraint(params int[][] sequences) : TokenConstraint
{
    public IReadOnlyList<int[]> Sequences => sequences;

    /// <summary>Whether matchers name the tokens that are no choice.</summary>
    public bool WritesForcedTokens { get; init; } = true;

    /// <summary>Called in place of the preparation's time; with its token.</summary>
    public Func<CancellationToken, Task>? Preparing { get; init; }

    /// <summary>Called before a matcher takes a token, with those that it has; may throw.</summary>
    public Action<IReadOnlyList<int>>? Appending { get; init; }

    /// <summary>The sequences that begin with these tokens and are longer.</summary>
    public IEnumerable<int[]> After(IReadOnlyList<int> tokens) => sequences.Where(
        sequence => sequence.Length > tokens.Count && sequence.Take(tokens.Count).SequenceEqual(tokens));

    public bool IsWhole(IReadOnlyList<int> tokens) => sequences.Any(sequence => sequence.SequenceEqual(tokens));

    public override async ValueTask<ITokenMatcher> CompileAsync(
        ITokenVocabulary vocabulary, CancellationToken cancellationToken = default)
    {
        if (Preparing is not null)
        {
            await Preparing(cancellationToken);
        }

        return new Matcher(this, []);
    }

    private sealed class Matcher(TokenTrieConstraint constraint, List<int> tokens) : ITokenMatcher
    {
        public bool CanEnd => constraint.IsWhole(tokens);

        public void WriteMask(Span<ulong> allowed)
        {
            allowed.Clear();
            foreach (var sequence in constraint.After(tokens))
            {
                allowed[sequence[tokens.Count] / 64] |= 1UL << (sequence[tokens.Count] % 64);
            }
        }

        public bool TryAppend(int tokenId)
        {
            constraint.Appending?.Invoke(tokens);
            if (!constraint.After(tokens).Any(sequence => sequence[tokens.Count] == tokenId))
            {
                return false;
            }

            tokens.Add(tokenId);
            return true;
        }

        public void RemoveLast(int count) => tokens.RemoveRange(tokens.Count - count, count);

        public int WriteForcedTokens(Span<int> tokenIds)
        {
            List<int> ahead = [.. tokens];
            var count = 0;
            while (constraint.WritesForcedTokens && count < tokenIds.Length && !constraint.IsWhole(ahead))
            {
                int[] next = [.. constraint.After(ahead).Select(sequence => sequence[ahead.Count]).Distinct()];
                if (next.Length != 1)
                {
                    break;
                }

                tokenIds[count++] = next[0];
                ahead.Add(next[0]);
            }

            return count;
        }

        public ITokenMatcher Fork() => new Matcher(constraint, [.. tokens]);
    }
}
