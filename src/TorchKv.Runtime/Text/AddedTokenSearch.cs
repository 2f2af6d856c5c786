namespace TorchKv.Runtime.Text;

/// <summary>
/// Splits texts at a set of added tokens: from the left, the longest of those that begin at one place.
/// </summary>
internal sealed class AddedTokenSearch
{
    private readonly TextMatcher _matcher;
    private readonly (AddedToken Token, int Id)[] _tokens;

    /// <param name="tokens">The tokens with their ids; at least one.</param>
    public AddedTokenSearch(IEnumerable<(AddedToken Token, int Id)> tokens)
    {
        _tokens = [.. tokens];
        _matcher = new TextMatcher([.. _tokens.Select(token => token.Token.Content)]);
    }

    /// <summary>The text in parts: each a token's id, or text without a token and the id −1.</summary>
    /// <param name="text">The text.</param>
    /// <param name="recognizeSpecialTokens">
    /// Whether special tokens count. Where not, one is text like the rest, and no other token of this set is found
    /// inside it.
    /// </param>
    public IEnumerable<(string Text, int Id)> Split(string text, bool recognizeSpecialTokens)
    {
        var end = 0;
        foreach (var match in _matcher.Find(text))
        {
            var (token, id) = _tokens[match.Index];
            if (token.IsSpecial && !recognizeSpecialTokens)
            {
                continue;
            }

            if (match.Start > end)
            {
                yield return (text[end..match.Start], -1);
            }

            yield return (token.Content, id);
            end = match.Start + match.Length;
        }

        if (end < text.Length)
        {
            yield return (end == 0 ? text : text[end..], -1);
        }
    }
}
