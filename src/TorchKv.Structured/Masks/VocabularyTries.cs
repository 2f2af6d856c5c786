using System.Runtime.CompilerServices;
using System.Text;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Automata;

namespace TorchKv.Structured.Masks;

/// <summary>
/// A vocabulary's tokens, sorted once for all constraints: those that are whole characters as they stand unescaped in a
/// JSON string, and the rest. Special tokens and ids without bytes are in neither.
/// </summary>
internal sealed class VocabularyTries
{
    private static readonly ConditionalWeakTable<ITokenVocabulary, VocabularyTries> s_known = [];

    private readonly ulong[][] _plainUpTo;

    private VocabularyTries(ITokenVocabulary vocabulary)
    {
        Count = vocabulary.Count;
        Words = (Count + 63) / 64;
        var plain = new List<(int, byte[])>();
        var rest = new List<(int, byte[])>();
        for (var id = 0; id < Count; id++)
        {
            var bytes = vocabulary.TokenBytes(id);
            if (!bytes.IsEmpty && !vocabulary.IsSpecial(id))
            {
                (IsPlain(bytes) ? plain : rest).Add((id, bytes.ToArray()));
                LongestToken = Math.Max(LongestToken, bytes.Length);
            }
        }

        Plain = new TokenTrie(plain);
        Rest = new TokenTrie(rest);
        _plainUpTo = MasksByLength(Plain);
    }

    /// <summary>The characters of which <see cref="Plain"/> tokens are made.</summary>
    public static CodePointSet PlainCharacters { get; } = CodePointSet.Of((0, 0x1F), ('"', '"'), ('\\', '\\')).Complement();

    /// <summary>Number of token ids.</summary>
    public int Count { get; }

    /// <summary>Words of a mask.</summary>
    public int Words { get; }

    /// <summary>Bytes of the longest token.</summary>
    public int LongestToken { get; }

    /// <summary>Tokens of whole characters that need no escape in a JSON string.</summary>
    public TokenTrie Plain { get; }

    /// <summary>All other tokens.</summary>
    public TokenTrie Rest { get; }

    /// <summary>The tries of a vocabulary: made once, and kept as long as the vocabulary is.</summary>
    public static VocabularyTries Of(ITokenVocabulary vocabulary)
        => s_known.GetValue(vocabulary, key => new VocabularyTries(key));

    /// <summary>The mask of the plain tokens of so many characters at most.</summary>
    public ReadOnlySpan<ulong> PlainUpTo(int characters) => _plainUpTo[Math.Min(characters, _plainUpTo.Length - 1)];

    /// <summary>The longest token with which a text begins; the length 0: there is none.</summary>
    public (int Id, int Length) Longest(ReadOnlySpan<byte> text)
    {
        var (plain, rest) = (Plain.Longest(text), Rest.Longest(text));
        return plain.Length > rest.Length ? plain : rest;
    }

    private static bool IsPlain(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(bytes, out var rune, out var used) != System.Buffers.OperationStatus.Done
                || !PlainCharacters.Contains(rune.Value))
            {
                return false;
            }

            bytes = bytes[used..];
        }

        return true;
    }

    private ulong[][] MasksByLength(TokenTrie trie)
    {
        var masks = new ulong[trie.LongestBelow[0] + 1][];
        masks[0] = new ulong[Words];
        var byLength = new List<int>[masks.Length];
        for (var node = 1; node < trie.Count; node++)
        {
            for (var t = trie.FirstToken[node]; t < trie.FirstToken[node + 1]; t++)
            {
                (byLength[trie.Characters[node]] ??= []).Add(trie.Tokens[t]);
            }
        }

        for (var length = 1; length < masks.Length; length++)
        {
            masks[length] = masks[length - 1];
            if (byLength[length] is { } ids)
            {
                masks[length] = [.. masks[length - 1]];
                foreach (var id in ids)
                {
                    masks[length][id >> 6] |= 1UL << (id & 63);
                }
            }
        }

        return masks;
    }
}
