using TorchKv.Runtime.Text;

namespace TorchKv.Runtime.Serving;

/// <summary>Finds the tokens of the text that a reader saw, where a stop text hid the end of an answer.</summary>
internal static class VisibleTokens
{
    /// <summary>
    /// Tokens whose text is the visible beginning of an answer: as many of the answer's own as lie within it, then the
    /// encoding of what is left, since the stop text may begin in the middle of a token.
    /// </summary>
    /// <param name="tokenizer">Turns tokens into text and back.</param>
    /// <param name="answer">The answer's tokens, those of the stop text included.</param>
    /// <param name="length">Characters that the reader saw.</param>
    public static int[] Of(Gpt2Tokenizer tokenizer, ReadOnlySpan<int> answer, int length)
    {
        int[] kept = answer.ToArray();
        var visible = tokenizer.Decode(kept)[..length];
        while (kept.Length > 0)
        {
            var text = tokenizer.Decode(kept);
            if (visible.StartsWith(text, StringComparison.Ordinal))
            {
                return text.Length == length ? kept : [.. kept, .. tokenizer.Encode(visible[text.Length..])];
            }

            kept = kept[..^1];
        }

        return [.. tokenizer.Encode(visible)];
    }
}
