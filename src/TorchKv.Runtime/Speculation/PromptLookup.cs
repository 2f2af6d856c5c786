namespace TorchKv.Runtime.Speculation;

/// <summary>
/// Drafts that a text continues as it did the last time it read the same (prompt lookup decoding, Saxena 2023).
/// </summary>
internal static class PromptLookup
{
    /// <summary>A match of this many tokens is a loop or a quotation; longer ones are not looked for.</summary>
    public const int LongestMatch = 16;

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
