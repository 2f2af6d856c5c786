using System.Globalization;
using System.Text;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Structured.Automata;

/// <summary>Reads the syntax of ECMA-262's patterns.</summary>
/// <param name="pattern">The pattern.</param>
/// <param name="pointer">Where it stands, for messages; null: nowhere.</param>
internal sealed partial class PatternParser(string pattern, string? pointer)
{
    private const int DeepestGroup = 200;
    private const int LargestCount = 1_000_000;

    // Everything but the ends of lines.
    private static readonly CodePointSet s_dot = CodePointSet.Of(('\n', '\n'), ('\r', '\r'), (0x2028, 0x2029)).Complement();

    private int _at;
    private int _depth;

    /// <summary>The pattern's tree.</summary>
    /// <exception cref="ConstraintException">The pattern is wrong or not supported.</exception>
    public PatternNode Parse()
    {
        if (pattern.Length > WorkLimits.Default.TextLength)
        {
            throw Refused($"it has more than {WorkLimits.Default.TextLength} characters", "length");
        }

        var tree = ParseChoice();
        return _at == pattern.Length ? tree : throw Refused("there is a ) without its (", ")");
    }

    private PatternNode ParseChoice()
    {
        var alternatives = new List<PatternNode> { ParseSequence() };
        while (TryTake('|'))
        {
            alternatives.Add(ParseSequence());
        }

        return alternatives.Count == 1 ? alternatives[0] : new PatternNode.Choice([.. alternatives]);
    }

    private PatternNode ParseSequence()
    {
        var parts = new List<PatternNode>();
        while (_at < pattern.Length && pattern[_at] is not ('|' or ')'))
        {
            var part = ParseAtom();
            if (TryQuantifier(out var min, out var max))
            {
                part = new PatternNode.Repetition(part, min, max);
                TryTake('?'); // A lazy quantifier matches the same texts.
                var next = _at;
                if (TryQuantifier(out _, out _))
                {
                    _at = next;
                    throw Refused("a quantifier follows a quantifier", "quantifier");
                }
            }

            parts.Add(part);
        }

        return parts.Count == 1 ? parts[0] : new PatternNode.Sequence([.. parts]);
    }

    private PatternNode ParseAtom()
    {
        var c = pattern[_at];
        switch (c)
        {
            case '^' or '$':
                _at++;
                return new PatternNode.Anchor(c == '^');
            case '.':
                _at++;
                return new PatternNode.Character(s_dot);
            case '(':
                return ParseGroup();
            case '[':
                return new PatternNode.Character(ParseClass());
            case '\\':
                return new PatternNode.Character(ParseEscape(inClass: false, out _));
            case '*' or '+' or '?':
                throw Refused("there is nothing to repeat", c.ToString());
            default:
                return new PatternNode.Character(CodePointSet.Of(NextCodePoint()));
        }
    }

    private PatternNode ParseGroup()
    {
        if (++_depth > DeepestGroup)
        {
            throw Refused($"groups are nested more than {DeepestGroup} deep", "depth");
        }

        var begin = _at++;
        if (TryTake('?'))
        {
            TryTake('P');
            if (Rest.StartsWith("=") || Rest.StartsWith("!") || Rest.StartsWith("<=") || Rest.StartsWith("<!"))
            {
                _at = begin;
                throw Refused("lookaround is not supported", Rest.StartsWith("(?<") ? "lookbehind" : "lookahead");
            }

            if (TryTake('<'))
            {
                var close = pattern.IndexOf('>', _at);
                if (close <= _at)
                {
                    throw Refused("the name of a group has no end", "(?<");
                }

                _at = close + 1;
            }
            else if (!TryTake(':'))
            {
                throw Refused("options in a group are not supported", "(?");
            }
        }

        var inner = ParseChoice();
        if (!TryTake(')'))
        {
            _at = begin;
            throw Refused("there is a ( without its )", "(");
        }

        _depth--;
        return inner;
    }

    private bool TryQuantifier(out int min, out int max)
    {
        (min, max) = (0, RegexNode.Unbounded);
        if (_at == pattern.Length)
        {
            return false;
        }

        switch (pattern[_at])
        {
            case '*':
                break;
            case '+':
                min = 1;
                break;
            case '?':
                max = 1;
                break;
            case '{':
                return TryCounts(out min, out max);
            default:
                return false;
        }

        _at++;
        return true;
    }

    // {m}, {m,} or {m,n}; anything else is the character {.
    private bool TryCounts(out int min, out int max)
    {
        (min, max) = (0, RegexNode.Unbounded);
        var end = pattern.IndexOf('}', _at);
        if (end < 0)
        {
            return false;
        }

        var inner = pattern.AsSpan(_at + 1, end - _at - 1);
        var comma = inner.IndexOf(',');
        var low = comma < 0 ? inner : inner[..comma];
        var high = comma < 0 ? low : inner[(comma + 1)..];
        if (low.IsEmpty || low.ContainsAnyExceptInRange('0', '9') || high.ContainsAnyExceptInRange('0', '9'))
        {
            return false;
        }

        min = Count(low);
        max = high.IsEmpty ? RegexNode.Unbounded : Count(high);
        if (max < min)
        {
            throw Refused("the most repetitions are fewer than the least", pattern[_at..(end + 1)]);
        }

        _at = end + 1;
        return true;

        int Count(ReadOnlySpan<char> digits)
            => int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value <= LargestCount
                ? value
                : throw Refused($"a repetition is larger than {LargestCount}", "quantifier");
    }

    private CodePointSet ParseClass()
    {
        var begin = _at++;
        var negated = TryTake('^');
        var parts = new List<(int First, int Last)>();
        while (true)
        {
            if (_at == pattern.Length)
            {
                _at = begin;
                throw Refused("there is a [ without its ]", "[");
            }

            if (TryTake(']'))
            {
                break;
            }

            var first = ParseClassMember(out var single);
            if (single && _at + 1 < pattern.Length && pattern[_at] == '-' && pattern[_at + 1] != ']')
            {
                _at++;
                var last = ParseClassMember(out var lastIsSingle);
                if (lastIsSingle)
                {
                    var (low, high) = (first.Ranges[0].First, last.Ranges[0].First);
                    if (high < low)
                    {
                        throw Refused("a range of characters runs backwards", "[");
                    }

                    parts.Add((low, high));
                    continue;
                }

                parts.Add(('-', '-'));
                parts.AddRange(last.Ranges);
            }

            parts.AddRange(first.Ranges);
        }

        var set = CodePointSet.Of([.. parts]);
        return negated ? set.Complement() : set;
    }

    private CodePointSet ParseClassMember(out bool single)
    {
        if (_at < pattern.Length && pattern[_at] == '\\')
        {
            return ParseEscape(inClass: true, out single);
        }

        single = true;
        return CodePointSet.Of(NextCodePoint());
    }

    private ReadOnlySpan<char> Rest => pattern.AsSpan(_at);

    private bool TryTake(char c)
    {
        if (_at < pattern.Length && pattern[_at] == c)
        {
            _at++;
            return true;
        }

        return false;
    }

    private int NextCodePoint()
    {
        if (Rune.DecodeFromUtf16(Rest, out var rune, out var used) != System.Buffers.OperationStatus.Done)
        {
            throw Refused("there is a surrogate without its partner", "character");
        }

        _at += used;
        return rune.Value;
    }

    private ConstraintException Refused(string reason, string keyword)
    {
        var shown = pattern.Length > 60 ? pattern[..60] + "…" : pattern;
        return new ConstraintException(
            $"The pattern \"{shown}\" cannot be used: {reason} (at character {_at + 1}).", pointer, keyword);
    }
}
