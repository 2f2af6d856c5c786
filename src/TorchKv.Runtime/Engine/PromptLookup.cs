namespace TorchKv.Runtime;

/// <summary>Guesses that a text goes on as it did the last time it read the same (prompt lookup decoding, Saxena 2023).</summary>
internal static class PromptLookup
{
    /// <summary>A match of this many tokens is not by chance; longer ones are not looked for.</summary>
    public const int LongestMatch = 8;

    /// <summary>The tokens that followed the latest of the longest earlier matches of the text's end.</summary>
    /// <param name="tokens">The text.</param>
    /// <param name="minMatch">Tokens that must match.</param>
    /// <param name="guesses">Receives the guesses. Past the text's end they go on in themselves, so that a loop is guessed as far as there is room.</param>
    /// <returns>How many tokens matched; 0 where nothing was guessed.</returns>
    public static int Find(ReadOnlySpan<int> tokens, int minMatch, Span<int> guesses)
    {
        var bestLength = 0;
        var best = 0;
        var longest = Math.Max(minMatch, LongestMatch);
        for (var end = tokens.Length - 2; end >= 0 && bestLength < longest; end--)
        {
            var length = 0;
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

        for (var i = 0; i < guesses.Length; i++)
        {
            guesses[i] = best + i < tokens.Length ? tokens[best + i] : guesses[best + i - tokens.Length];
        }

        return bestLength;
    }
}
