namespace TorchKv.Runtime;

/// <summary>Guesses that a text goes on as it did the last time it read the same (prompt lookup decoding, Saxena 2023).</summary>
internal static class PromptLookup
{
    private const int LongestMatch = 8;

    /// <summary>The tokens that followed the latest of the longest earlier matches of the text's end.</summary>
    /// <param name="tokens">The text.</param>
    /// <param name="minMatch">Tokens that must match.</param>
    /// <param name="most">The most to give.</param>
    /// <returns>A part of <paramref name="tokens"/>; empty where nothing matches.</returns>
    public static ReadOnlySpan<int> Find(ReadOnlySpan<int> tokens, int minMatch, int most)
    {
        var bestLength = 0;
        var best = 0;
        var longest = Math.Max(minMatch, LongestMatch);
        var last = tokens.Length == 0 ? 0 : tokens[^1];
        for (var end = tokens.Length - 2; end >= 0 && bestLength < longest; end--)
        {
            if (tokens[end] != last)
            {
                continue;
            }

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

        return bestLength < minMatch ? [] : tokens.Slice(best, Math.Min(most, tokens.Length - best));
    }
}
