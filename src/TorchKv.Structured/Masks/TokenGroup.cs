using System.Text;
using TorchKv.Structured.Automata;

namespace TorchKv.Structured.Masks;

/// <summary>
/// Tokens of a vocabulary, as two tries: those that are whole characters as they stand unescaped in a JSON string, and
/// the rest.
/// </summary>
internal sealed class TokenGroup
{
    private readonly ulong[][] _plainUpTo;

    /// <param name="tokens">The tokens' ids and bytes; none is empty.</param>
    /// <param name="words">Words of a mask.</param>
    public TokenGroup(IEnumerable<(int Id, byte[] Bytes)> tokens, int words)
    {
        var plain = new List<(int Id, byte[] Bytes)>();
        var rest = new List<(int Id, byte[] Bytes)>();
        foreach (var token in tokens)
        {
            (IsPlain(token.Bytes) ? plain : rest).Add(token);
            LongestToken = Math.Max(LongestToken, token.Bytes.Length);
        }

        Plain = new TokenTrie(plain);
        Rest = new TokenTrie(rest);
        _plainUpTo = MasksByLength(Plain, words);
    }

    /// <summary>The characters of which <see cref="Plain"/> tokens are made.</summary>
    public static CodePointSet PlainCharacters { get; } = CodePointSet.Of((0, 0x1F), ('"', '"'), ('\\', '\\')).Complement();

    /// <summary>Bytes of the longest token.</summary>
    public int LongestToken { get; }

    /// <summary>Tokens of whole characters that need no escape in a JSON string.</summary>
    public TokenTrie Plain { get; }

    /// <summary>All other tokens.</summary>
    public TokenTrie Rest { get; }

    /// <summary>The mask of the plain tokens of so many characters at most.</summary>
    public ReadOnlySpan<ulong> PlainUpTo(int characters) => _plainUpTo[Math.Min(characters, _plainUpTo.Length - 1)];

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

    private static ulong[][] MasksByLength(TokenTrie trie, int words)
    {
        var masks = new ulong[trie.LongestBelow[0] + 1][];
        masks[0] = new ulong[words];
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
                    BitMask.Set(masks[length], id);
                }
            }
        }

        return masks;
    }
}
