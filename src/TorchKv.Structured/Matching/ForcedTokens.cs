using System.Text;
using System.Text.Unicode;
using TorchKv.Structured.Parsing;

namespace TorchKv.Structured.Matching;

/// <summary>Finds the tokens that a grammar leaves no choice about.</summary>
internal static class ForcedTokens
{
    private const int MostBytes = 512;

    /// <summary>The tokens that spell the bytes that must come next, as the tokenizer would write them.</summary>
    /// <remarks>
    /// Where a longer token could reach over the end of these bytes, the tokenizer's last tokens are not yet certain:
    /// they are left out.
    /// </remarks>
    public static int[] Find(CompiledGrammar grammar, GrammarTables tables, ReadOnlySpan<ParserThread> threads)
    {
        if (ForcedByte(tables.Recognizer, threads) < 0)
        {
            return [];
        }

        var bytes = new List<byte>();
        var end = Follow(tables.Recognizer, threads, bytes);
        byte[] forced = [.. bytes];
        var tokens = Spell(grammar, forced);
        var at = 0;
        for (var i = 0; i < tokens.Count; i++)
        {
            if (forced.Length - at < grammar.Tries.LongestToken && tables.Masks.CanGoOn(forced.AsSpan(at), end))
            {
                return [.. tokens.Take(i)];
            }

            at += grammar.Vocabulary.TokenBytes(tokens[i]).Length;
        }

        return [.. tokens];
    }

    // Reads bytes as long as there is only one; gives the state behind them.
    private static ParserThread[] Follow(Recognizer recognizer, ReadOnlySpan<ParserThread> threads, List<byte> bytes)
    {
        var before = threads.ToArray();
        while (bytes.Count < MostBytes && ForcedByte(recognizer, before) is var value and >= 0)
        {
            Recognizer.CheckThreads(before.Length);
            var after = new ParserThread[before.Length + 1];
            var count = recognizer.Step(before, (byte)value, after, out var mayEnd);
            before = after[..count];
            bytes.Add((byte)value);
            if (mayEnd)
            {
                break;
            }
        }

        return before;
    }

    private static int ForcedByte(Recognizer recognizer, ReadOnlySpan<ParserThread> threads)
    {
        var forced = -1;
        foreach (var thread in threads)
        {
            var value = recognizer.Lexer.ForcedByte(thread.LexerState);
            if (value == -2 || (value >= 0 && forced >= 0 && value != forced))
            {
                return -2;
            }

            forced = Math.Max(forced, value);
        }

        return forced;
    }

    // Tokens that spell the beginning of a text, or all of it: the tokenizer's where they do, else the longest ones.
    private static List<int> Spell(CompiledGrammar grammar, byte[] bytes)
    {
        if (grammar.Encode is { } encode)
        {
            var whole = bytes.Length;
            while (whole > 0 && !Utf8.IsValid(bytes.AsSpan(0, whole)))
            {
                whole--;
            }

            var ids = encode(Encoding.UTF8.GetString(bytes, 0, whole));
            if (Spells(grammar, ids, bytes.AsSpan(0, whole)))
            {
                return [.. ids];
            }
        }

        var tokens = new List<int>();
        for (var at = 0; at < bytes.Length;)
        {
            var (id, length) = grammar.Tries.Longest(bytes.AsSpan(at));
            if (length == 0)
            {
                break;
            }

            tokens.Add(id);
            at += length;
        }

        return tokens;
    }

    private static bool Spells(CompiledGrammar grammar, IReadOnlyList<int> ids, ReadOnlySpan<byte> bytes)
    {
        foreach (var id in ids)
        {
            var token = grammar.Vocabulary.TokenBytes(id);
            if (token.IsEmpty || grammar.Vocabulary.IsSpecial(id) || !bytes.StartsWith(token))
            {
                return false;
            }

            bytes = bytes[token.Length..];
        }

        return bytes.IsEmpty;
    }
}
