using System.Runtime.CompilerServices;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Structured.Masks;

/// <summary>
/// A vocabulary's tokens, sorted once for all constraints. Short and long ones are apart: short tokens look only a
/// little ahead, so that their part of a mask is the same in many states. Special tokens and ids without bytes are left
/// out.
/// </summary>
internal sealed class VocabularyTries
{
    // Nearly all tokens of GPT-2 are shorter, and all that matters is that few are longer.
    private const int LongestShortToken = 16;

    private static readonly ConditionalWeakTable<ITokenVocabulary, VocabularyTries> s_known = [];

    private VocabularyTries(ITokenVocabulary vocabulary)
    {
        Count = vocabulary.Count;
        Words = (Count + 63) / 64;
        var tokens = new List<(int Id, byte[] Bytes)>();
        for (var id = 0; id < Count; id++)
        {
            var bytes = vocabulary.TokenBytes(id);
            if (!bytes.IsEmpty && !vocabulary.IsSpecial(id))
            {
                tokens.Add((id, bytes.ToArray()));
            }
        }

        Groups =
        [
            new TokenGroup(tokens.Where(token => token.Bytes.Length <= LongestShortToken), Words),
            new TokenGroup(tokens.Where(token => token.Bytes.Length > LongestShortToken), Words),
        ];
        LongestToken = Groups.Max(group => group.LongestToken);
    }

    /// <summary>Number of token ids.</summary>
    public int Count { get; }

    /// <summary>Words of a mask.</summary>
    public int Words { get; }

    /// <summary>Bytes of the longest token.</summary>
    public int LongestToken { get; }

    /// <summary>The short tokens, then the long ones.</summary>
    public TokenGroup[] Groups { get; }

    /// <summary>The tries of a vocabulary: made once, and kept as long as the vocabulary is.</summary>
    public static VocabularyTries Of(ITokenVocabulary vocabulary)
        => s_known.GetValue(vocabulary, key => new VocabularyTries(key));

    /// <summary>The longest token with which a text begins; the length 0: there is none.</summary>
    public (int Id, int Length) Longest(ReadOnlySpan<byte> text)
    {
        var longest = (Id: 0, Length: 0);
        foreach (var group in Groups)
        {
            var (plain, rest) = (group.Plain.Longest(text), group.Rest.Longest(text));
            longest = plain.Length > longest.Length ? plain : longest;
            longest = rest.Length > longest.Length ? rest : longest;
        }

        return longest;
    }
}
