using System.Text.RegularExpressions;

namespace Microsoft.ML.Tokenizers;

/// <summary>Cuts a text into the matches of a regular expression; special tokens stay whole.</summary>
public sealed class RegexPreTokenizer : PreTokenizer
{
    private readonly Regex _regex;
    private readonly Regex? _specialTokens;

    /// <summary>A pre-tokenizer for <paramref name="regex"/>.</summary>
    /// <param name="regex">Its matches are the pieces.</param>
    /// <param name="specialTokens">Texts that are pieces wherever they stand; the text between two of them is split by itself.</param>
    public RegexPreTokenizer(Regex regex, IReadOnlyDictionary<string, int>? specialTokens)
    {
        ArgumentNullException.ThrowIfNull(regex);
        _regex = regex;
        if (specialTokens is { Count: > 0 })
        {
            _specialTokens = new Regex(string.Join('|', specialTokens.Keys.Select(Regex.Escape)), RegexOptions.CultureInvariant);
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text)
        => string.IsNullOrEmpty(text) ? [] : Split(text.AsMemory());

    /// <inheritdoc/>
    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
        => text.IsEmpty ? [] : Split(text.ToArray());

    private IEnumerable<(int Offset, int Length)> Split(ReadOnlyMemory<char> text)
    {
        var start = 0;
        while (start < text.Length)
        {
            var special = _specialTokens is null ? default : NextMatch(_specialTokens, text.Span[start..]);
            var end = special.Length > 0 ? start + special.Offset : text.Length;
            while (start < end && NextMatch(_regex, text.Span[start..end]) is { Length: > 0 } match)
            {
                yield return (start + match.Offset, match.Length);
                start += match.Offset + match.Length;
            }

            if (special.Length == 0)
            {
                yield break;
            }

            yield return (end, special.Length);
            start = end + special.Length;
        }
    }

    // The text is cut before it is matched, so that a look-ahead does not see past a special token.
    // An expression that matches nothing at all ends the pieces: length 0.
    private static (int Offset, int Length) NextMatch(Regex regex, ReadOnlySpan<char> text)
    {
        foreach (var match in regex.EnumerateMatches(text))
        {
            if (match.Length > 0)
            {
                return (match.Index, match.Length);
            }
        }

        return default;
    }
}
