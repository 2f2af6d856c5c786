using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Speculation;

/// <summary>
/// Drafts that a text continues as it did the last time it read the same (prompt lookup decoding, Saxena 2023).
/// </summary>
internal sealed class PromptLookup : IDraftSource
{
    /// <summary>A match of this many tokens is a loop or a quotation; longer ones are not looked for.</summary>
    public const int LongestMatch = 16;

    /// <summary>
    /// Low, because most texts do not repeat themselves. It costs nothing to find out that one does: drafts that are
    /// not verified are compared with the text too.
    /// </summary>
    public double UsualAcceptance => 0.1;

    /// <summary>Searching a text takes some microseconds.</summary>
    public StepTimes? Times => null;

    public int Offer(DraftedSequence sequence, int most)
    {
        var tokens = sequence.Sequence.Tokens;
        Span<int> found = stackalloc int[SpeculationOptions.MostDraftTokens];
        found = found[..most];
        var count = Find(tokens, sequence.Rules.Options.Speculation!.MinMatch, found) == 0
            ? 0
            : sequence.Constraint?.CountAllowed(found) ?? most;
        foreach (var token in found[..count])
        {
            sequence.Add(token);
        }

        return count;
    }

    public void Draft(IReadOnlyList<DraftedSequence> sequences, CancellationToken cancellationToken)
    {
    }

    /// <summary>Finds the tokens that followed the latest of the longest earlier matches of the text's end.</summary>
    /// <param name="tokens">The text.</param>
    /// <param name="minMatch">Tokens that must match.</param>
    /// <param name="drafts">
    /// Receives the drafts. Where the text ends they continue with themselves, so that a loop is drafted as far as
    /// there is room.
    /// </param>
    /// <returns>How many tokens matched; 0 where nothing was found.</returns>
    public static int Find(ReadOnlySpan<int> tokens, int minMatch, Span<int> drafts)
    {
        if (tokens.Length < 2)
        {
            return 0;
        }

        var bestLength = 0;
        var best = 0;
        var longest = Math.Max(minMatch, LongestMatch);
        var last = tokens[^1];
        for (var end = tokens[..^1].LastIndexOf(last);
            end >= 0 && bestLength < longest;
            end = tokens[..end].LastIndexOf(last))
        {
            var length = 1;
            while (length < longest && length <= end && tokens[end - length] == tokens[tokens.Length - 1 - length])
            {
                length++;
            }

            if (length > bestLength)
            {
                (bestLength, best) = (length, end + 1);
            }
        }

        if (bestLength < minMatch)
        {
            return 0;
        }

        for (var i = 0; i < drafts.Length; i++)
        {
            drafts[i] = best + i < tokens.Length ? tokens[best + i] : drafts[best + i - tokens.Length];
        }

        return bestLength;
    }
}
