using System.Globalization;
using System.Text;
using TorchKv.Structured.Automata;

namespace TorchKv.Structured.Json.Texts;

/// <summary>
/// How strings are written in JSON text. An ASCII character has one form: itself where JSON allows that, else its short
/// escape, else \u00xx. Any other character may stand for itself or be written \uxxxx, or as a pair of these. Half a
/// pair is never written.
/// </summary>
internal sealed class JsonText
{
    private static readonly (int Character, string Escape)[] s_escapes =
        [('"', "\\\""), ('\\', "\\\\"), ('\b', "\\b"), ('\f', "\\f"), ('\n', "\\n"), ('\r', "\\r"), ('\t', "\\t")];

    private static readonly CodePointSet s_plain =
        CodePointSet.All.Except(CodePointSet.Of((0, 0x1F), ('"', '"'), ('\\', '\\')));

    private readonly Dictionary<CodePointSet, RegexNode> _written = [];

    public JsonText(RegexFactory regexes)
    {
        Regexes = regexes;
        AnyCharacter = Character(CodePointSet.All);
        Any = regexes.Star(AnyCharacter);
    }

    /// <summary>Makes the expressions.</summary>
    public RegexFactory Regexes { get; }

    /// <summary>One character as it is written in a string.</summary>
    public RegexNode AnyCharacter { get; }

    /// <summary>The text of any string, without the quotes.</summary>
    public RegexNode Any { get; }

    /// <summary>One character of a set as it is written in a string.</summary>
    public RegexNode Character(CodePointSet set)
    {
        if (_written.TryGetValue(set, out RegexNode? known))
        {
            return known;
        }

        var forms = new List<RegexNode> { Regexes.CodePoints(set.Intersect(s_plain)) };
        for (int code = 0; code < 0x80; code++)
        {
            if (set.Contains(code) && !s_plain.Contains(code))
            {
                forms.Add(Escaped(code));
            }
        }

        forms.Add(new UnicodeEscapes(Regexes).Of(set));
        RegexNode written = Regexes.Or([.. forms]);
        _written.Add(set, written);
        return written;
    }

    /// <summary>A whole string as it is written, without the quotes.</summary>
    public RegexNode Literal(string text)
    {
        RegexNode[] parts = [.. text.EnumerateRunes().Select(rune => Character(CodePointSet.Of(rune.Value)))];
        return Regexes.Concat(parts);
    }

    /// <summary>The strings that an expression does not match.</summary>
    public RegexNode Not(RegexNode expression) => Regexes.And(Any, Regexes.Not(WithAnyEnd(expression)));

    /// <summary>Whether an expression over JSON text matches a string.</summary>
    public bool Matches(RegexNode expression, string text)
    {
        var written = new StringBuilder();
        foreach (char c in text)
        {
            int known = Array.FindIndex(s_escapes, pair => pair.Character == c);
            written.Append(known >= 0 ? s_escapes[known].Escape
                : c < 0x20 ? string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}") : c.ToString());
        }

        RegexNode state = expression;
        foreach (byte value in Encoding.UTF8.GetBytes(written.ToString()))
        {
            state = Regexes.Derivative(state, value);
            if (state == Regexes.Nothing)
            {
                return false;
            }
        }

        return state.IsNullable;
    }

    // Any bytes in place of any characters at the end. Among the texts of strings the expression means the same, and
    // its complement is seen to match nothing as soon as the expression matches.
    private RegexNode WithAnyEnd(RegexNode expression) => expression.Kind switch
    {
        _ when expression == Any => Regexes.AnyBytes,
        RegexKind.Concat => Regexes.Concat(expression.Children[0], WithAnyEnd(expression.Children[1])),
        RegexKind.Or => Regexes.Or(Array.ConvertAll(expression.Children, WithAnyEnd)),
        _ => expression,
    };

    private RegexNode Escaped(int code)
    {
        int known = Array.FindIndex(s_escapes, pair => pair.Character == code);
        return known >= 0
            ? Regexes.Literal(s_escapes[known].Escape)
            : new UnicodeEscapes(Regexes).Unit(code, code);
    }
}
