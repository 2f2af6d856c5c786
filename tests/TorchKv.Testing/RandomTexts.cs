using System.Numerics;
using System.Text;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Testing;

/// <summary>
/// Writes texts as a model with random logits does: each token is drawn among those that a mask allows.
/// </summary>
/// <param name="vocabulary">The tokens.</param>
/// <param name="random">Draws.</param>
/// <param name="longest">Tokens after which a text is cut.</param>
internal sealed class RandomTexts(ITokenVocabulary vocabulary, Random random, int longest)
{
    private readonly ulong[] _mask = new ulong[(vocabulary.Count + 63) / 64];
    private readonly ulong[] _closing = Closing(vocabulary);
    private readonly ulong[] _chosen = new ulong[(vocabulary.Count + 63) / 64];

    /// <summary>Writes a text.</summary>
    /// <param name="matcher">The constraint; it has seen no token.</param>
    /// <returns>Null where the text was cut before its end.</returns>
    /// <exception cref="InvalidDataException">No token may follow, and the text may not end.</exception>
    public string? Write(ITokenMatcher matcher)
    {
        var text = new List<byte>();
        for (var step = 0; step < longest; step++)
        {
            matcher.WriteMask(_mask);
            var count = Count(_mask);
            if (count == 0 || (matcher.CanEnd && random.Next(3) == 0))
            {
                return matcher.CanEnd
                    ? Encoding.UTF8.GetString([.. text])
                    : throw new InvalidDataException("Nothing may follow, and the text may not end.");
            }

            // Tokens that close something are liked better, so that texts end.
            var token = random.Next(2) == 0 && CountClosing() is > 0 and var closing
                ? At(_chosen, random.Next(closing))
                : At(_mask, random.Next(count));
            if (!matcher.TryAppend(token))
            {
                throw new InvalidDataException($"Token {token} is in the mask and cannot be appended.");
            }

            text.AddRange(vocabulary.TokenBytes(token));
        }

        return null;
    }

    private int CountClosing()
    {
        for (var i = 0; i < _mask.Length; i++)
        {
            _chosen[i] = _mask[i] & _closing[i];
        }

        return Count(_chosen);
    }

    private static ulong[] Closing(ITokenVocabulary vocabulary)
    {
        var closing = new ulong[(vocabulary.Count + 63) / 64];
        for (var id = 0; id < vocabulary.Count; id++)
        {
            closing[id / 64] |= vocabulary.TokenBytes(id).ContainsAny("\"}]"u8) ? 1UL << (id % 64) : 0;
        }

        return closing;
    }

    private static int Count(ulong[] mask) => mask.Sum(BitOperations.PopCount);

    // The token whose bit is the one of a given number, from 0.
    private static int At(ulong[] mask, int number)
    {
        var word = 0;
        while (BitOperations.PopCount(mask[word]) is var count && count <= number)
        {
            number -= count;
            word++;
        }

        var bits = mask[word];
        for (; number > 0; number--)
        {
            bits &= bits - 1;
        }

        return (word * 64) + BitOperations.TrailingZeroCount(bits);
    }
}
