using System.Globalization;
using System.Text;

namespace TorchKv.Structured.Automata;

/// <content>What follows a backslash.</content>
internal sealed partial class PatternParser
{
    private static readonly CodePointSet s_digit = CodePointSet.Of(('0', '9'));
    private static readonly CodePointSet s_word = CodePointSet.Of(('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z'));

    private static readonly CodePointSet s_space = CodePointSet.Of(('\t', '\r'), (0x2028, 0x2029), (0xFEFF, 0xFEFF))
        .Union(CodePointSet.Of(UnicodeCategory.SpaceSeparator));

    private static readonly UnicodeCategory[] s_categories = Enum.GetValues<UnicodeCategory>();

    // The names of Unicode's general categories, in the order of UnicodeCategory.
    private static readonly string[] s_categoryNames =
    [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Pc",
        "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Cn",
    ];

    private static readonly Dictionary<string, string> s_longNames = new()
    {
        ["Letter"] = "L",
        ["Uppercase_Letter"] = "Lu",
        ["Lowercase_Letter"] = "Ll",
        ["Titlecase_Letter"] = "Lt",
        ["Modifier_Letter"] = "Lm",
        ["Other_Letter"] = "Lo",
        ["Mark"] = "M",
        ["Number"] = "N",
        ["Decimal_Number"] = "Nd",
        ["Letter_Number"] = "Nl",
        ["Other_Number"] = "No",
        ["Punctuation"] = "P",
        ["Symbol"] = "S",
        ["Separator"] = "Z",
        ["Space_Separator"] = "Zs",
        ["Other"] = "C",
        ["Control"] = "Cc",
        ["digit"] = "Nd",
        ["punct"] = "P",
    };

    // One escape. Single: it stands for one character, so that a range may begin or end with it.
    private CodePointSet ParseEscape(bool inClass, out bool single)
    {
        single = false;
        if (_at + 1 == pattern.Length)
        {
            throw Refused("it ends with a \\", "\\");
        }

        var c = pattern[_at + 1];
        switch (c)
        {
            case 'd' or 'D':
                return Class(s_digit, c == 'D');
            case 'w' or 'W':
                return Class(s_word, c == 'W');
            case 's' or 'S':
                return Class(s_space, c == 'S');
            case 'p' or 'P':
                return ParseProperty(c == 'P');
            case 'b' when !inClass:
            case 'B' when !inClass:
                throw Refused("word boundaries are not supported", "\\" + c);
            case >= '1' and <= '9':
            case 'k':
                throw Refused("backreferences are not supported", "\\" + c);
        }

        single = true;
        _at++;
        return CodePointSet.Of(ParseCharacterEscape(inClass));
    }

    // The character behind the backslash is the next one.
    private int ParseCharacterEscape(bool inClass)
    {
        var c = pattern[_at];
        switch (c)
        {
            case 't': return Take('\t');
            case 'n': return Take('\n');
            case 'r': return Take('\r');
            case 'v': return Take('\v');
            case 'f': return Take('\f');
            case '0': return Take('\0');
            case 'b' when inClass: return Take('\b');
            case 'c' when _at + 1 < pattern.Length && char.IsAsciiLetter(pattern[_at + 1]):
                _at += 2;
                return pattern[_at - 1] & 31;
            case 'x':
                _at++;
                return Hex(2);
            case 'u':
                return ParseUnicodeEscape();
        }

        if (char.IsAsciiLetterOrDigit(c))
        {
            throw Refused($"\\{c} is no escape that is known", "\\" + c);
        }

        return NextCodePoint();

        int Take(int value)
        {
            _at++;
            return value;
        }
    }

    private int ParseUnicodeEscape()
    {
        _at++;
        if (TryTake('{'))
        {
            var end = pattern.IndexOf('}', _at);
            if (end <= _at || !int.TryParse(
                pattern.AsSpan(_at, end - _at), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
                || !Rune.IsValid(value))
            {
                throw Refused("\\u{…} names no character", "\\u");
            }

            _at = end + 1;
            return value;
        }

        var first = Hex(4);
        if (char.IsHighSurrogate((char)first) && Rest.StartsWith("\\u") && _at + 6 <= pattern.Length)
        {
            _at += 2;
            var second = Hex(4);
            if (char.IsLowSurrogate((char)second))
            {
                return char.ConvertToUtf32((char)first, (char)second);
            }
        }

        return char.IsSurrogate((char)first) ? throw Refused("there is a surrogate without its partner", "\\u") : first;
    }

    private int Hex(int digits)
    {
        if (_at + digits > pattern.Length || !int.TryParse(
            pattern.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
        {
            throw Refused($"{digits} hexadecimal digits are missing", "escape");
        }

        _at += digits;
        return value;
    }

    private CodePointSet Class(CodePointSet set, bool negated)
    {
        _at += 2;
        return negated ? set.Complement() : set;
    }

    private CodePointSet ParseProperty(bool negated)
    {
        var begin = _at;
        _at += 2;
        string name;
        if (TryTake('{'))
        {
            var end = pattern.IndexOf('}', _at);
            name = end < 0 ? throw Refused("\\p{ has no }", "\\p") : pattern[_at..end];
            _at = end + 1;
        }
        else
        {
            throw Refused("\\p needs a name in braces", "\\p");
        }

        var category = name;
        foreach (var prefix in new[] { "General_Category=", "gc=" })
        {
            category = category.StartsWith(prefix, StringComparison.Ordinal) ? category[prefix.Length..] : category;
        }

        category = s_longNames.GetValueOrDefault(category, category);
        var set = category switch
        {
            "Any" => CodePointSet.All,
            "ASCII" => CodePointSet.Of((0, 0x7F)),
            "LC" => Categories(n => n is "Lu" or "Ll" or "Lt"),
            _ => Categories(n => n == category || (category.Length == 1 && n[0] == category[0])),
        };
        if (set is null)
        {
            _at = begin;
            throw Refused($"\\p{{{name}}} is not supported; general categories such as \\p{{L}} are", "\\p");
        }

        return negated ? set.Complement() : set;

        CodePointSet? Categories(Func<string, bool> belongs)
        {
            var ranges = new List<(int First, int Last)>();
            var found = false;
            for (var i = 0; i < s_categories.Length; i++)
            {
                if (belongs(s_categoryNames[i]))
                {
                    found = true;
                    ranges.AddRange(CodePointSet.Of(s_categories[i]).Ranges);
                }
            }

            return found ? CodePointSet.Of([.. ranges]) : null;
        }
    }
}
