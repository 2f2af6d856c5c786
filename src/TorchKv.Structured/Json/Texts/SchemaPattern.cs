using TorchKv.Structured.Automata;

namespace TorchKv.Structured.Json.Texts;

/// <summary>The strings in which a pattern of a schema matches somewhere.</summary>
internal static class SchemaPattern
{
    /// <summary>Compiles a pattern to an expression over JSON text without the quotes.</summary>
    /// <exception cref="Runtime.Contracts.ConstraintException">The pattern is wrong or not supported.</exception>
    public static RegexNode Compile(JsonText texts, string pattern)
    {
        // A lookahead right behind the beginning of the string is a second pattern for the same string.
        var conditions = new List<RegexNode>();
        while (pattern.StartsWith("^(?!", StringComparison.Ordinal) || pattern.StartsWith("^(?=", StringComparison.Ordinal))
        {
            int end = EndOfGroup(pattern, 1);
            if (end < 0 || HasChoice(pattern))
            {
                break;
            }

            RegexNode inner = Compile(texts, $"^(?:{pattern[4..end]})");
            conditions.Add(pattern[3] == '!' ? texts.Not(inner) : inner);
            pattern = "^" + pattern[(end + 1)..];
        }

        var compiler = new Pattern(texts.Regexes, texts.Character);
        RegexNode expression = compiler.Compile(pattern, PatternMatch.Anywhere);
        return conditions.Count == 0 ? expression : texts.Regexes.And([expression, .. conditions]);
    }

    // Whether the pattern has alternatives outside all groups.
    private static bool HasChoice(string pattern)
    {
        int depth = 0;
        for (int i = 0; i < pattern.Length; i = Next(pattern, i))
        {
            depth += pattern[i] == '(' ? 1 : pattern[i] == ')' ? -1 : 0;
            if (pattern[i] == '|' && depth == 0)
            {
                return true;
            }
        }

        return false;
    }

    private static int EndOfGroup(string pattern, int open)
    {
        int depth = 0;
        for (int i = open; i < pattern.Length; i = Next(pattern, i))
        {
            depth += pattern[i] == '(' ? 1 : pattern[i] == ')' ? -1 : 0;
            if (depth == 0)
            {
                return i;
            }
        }

        return -1;
    }

    // The index behind a character, an escape or a class.
    private static int Next(string pattern, int i)
    {
        if (pattern[i] == '\\')
        {
            return i + 2;
        }

        if (pattern[i] == '[')
        {
            for (i++; i < pattern.Length && pattern[i] != ']'; i++)
            {
                i += pattern[i] == '\\' ? 1 : 0;
            }
        }

        return i + 1;
    }
}
