using System.Globalization;
using System.Text;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Automata;

namespace TorchKv.Structured.Grammars;

/// <summary>
/// Reads the text of a grammar: rules <c>name ::= alternatives</c>, of which <c>root</c> is the whole text. A rule ends
/// where the next one begins, so line breaks mean nothing.
/// </summary>
/// <remarks>
/// Alternatives are separated by <c>|</c>. Their parts are literals in double quotes, classes of characters in
/// brackets,
/// <c>.</c> (any character), names of rules, and groups in parentheses, each with <c>*</c>, <c>+</c>, <c>?</c>,
/// <c>{m}</c>, <c>{m,}</c>, <c>{,n}</c> or <c>{m,n}</c> behind it. Escapes: <c>\n \r \t \\ \" \[ \] \^ \-</c>,
/// <c>\xHH</c>, <c>\uHHHH</c>, <c>\UHHHHHHHH</c>. A <c>#</c> begins a comment that reaches to the end of the line.
/// </remarks>
internal sealed class GrammarParser
{
    private const string RootName = "root";
    private const int LargestCount = 1_000_000;

    private readonly string _text;
    private readonly WorkBudget _budget;
    private readonly RegexFactory _regexes;
    private readonly GrammarBuilder _builder;
    private readonly Dictionary<string, (GrammarRule Rule, int FirstUse)> _rules = [];
    private int _at;
    private int _depth;

    public GrammarParser(string text, WorkBudget budget)
    {
        (_text, _budget) = (text, budget);
        _regexes = new RegexFactory(budget);
        _builder = new GrammarBuilder(_regexes);
    }

    /// <summary>The grammar.</summary>
    /// <exception cref="ConstraintException">The text is wrong; the message names line and column.</exception>
    public Grammar Parse()
    {
        if (_text.Length > _budget.Limits.TextLength)
        {
            throw new ConstraintException(
                $"The grammar has {_text.Length} characters; the limit is {_budget.Limits.TextLength}.", keyword: "length");
        }

        SkipBlanks();
        while (_at < _text.Length)
        {
            _budget.Check();
            var begin = _at;
            var name = TakeName();
            SkipBlanks();
            if (name.Length == 0 || !Rest.StartsWith("::="))
            {
                throw Wrong("a rule (name ::= …) is expected", begin, "::=");
            }

            _at += 3;
            SkipBlanks();
            var rule = RuleOf(name, begin);
            if (rule.Body is not null)
            {
                throw Wrong($"the rule \"{name}\" is defined twice", begin, name);
            }

            rule.Body = ParseChoice();
            if (_at < _text.Length && !AtRule())
            {
                throw Wrong($"'{_text[_at]}' is not expected", _at, _text[_at].ToString());
            }
        }

        foreach (var (name, (rule, firstUse)) in _rules)
        {
            if (rule.Body is null)
            {
                throw Wrong($"the rule \"{name}\" is used but not defined", firstUse, name);
            }
        }

        return _rules.TryGetValue(RootName, out var root)
            ? new Grammar(_regexes, root.Rule)
            : throw Wrong($"there is no rule \"{RootName}\"", 0, RootName);
    }

    private GrammarNode ParseChoice()
    {
        var alternatives = new List<GrammarNode> { ParseSequence() };
        while (TryTake('|'))
        {
            alternatives.Add(ParseSequence());
        }

        if (alternatives.Count == 1)
        {
            return alternatives[0];
        }

        // All that is regular is one terminal.
        RegexNode[] regular = [.. alternatives.Select(RegexOf).Where(regex => regex is not null)!];
        GrammarNode[] others = [.. alternatives.Where(part => RegexOf(part) is null)];
        return regular.Length == 0
            ? _builder.Choice(others)
            : _builder.Choice([_builder.Terminal(_regexes.Or(regular)), .. others]);
    }

    private GrammarNode ParseSequence()
    {
        var parts = new List<GrammarNode>();
        var regular = new List<RegexNode>();
        while (_at < _text.Length && _text[_at] is not ('|' or ')') && !AtRule())
        {
            var part = ParseRepeated();
            if (RegexOf(part) is { } regex)
            {
                regular.Add(regex);
            }
            else
            {
                Flush();
                parts.Add(part);
            }
        }

        Flush();
        return _builder.Sequence([.. parts]);

        // Terminals next to each other are one.
        void Flush()
        {
            if (regular.Count > 0)
            {
                parts.Add(_builder.Terminal(_regexes.Concat([.. regular])));
                regular.Clear();
            }
        }
    }

    private GrammarNode ParseRepeated()
    {
        var part = ParsePart();
        SkipBlanks();
        while (_at < _text.Length)
        {
            var (min, max) = (0, int.MaxValue);
            switch (_text[_at])
            {
                case '*':
                    _at++;
                    break;
                case '+':
                    _at++;
                    min = 1;
                    break;
                case '?':
                    _at++;
                    max = 1;
                    break;
                case '{':
                    (min, max) = ParseCounts();
                    break;
                default:
                    return part;
            }

            part = RegexOf(part) is { } regex
                ? _builder.Terminal(_regexes.Repeat(regex, min, max))
                : _builder.Repeat(part, min, max);
            SkipBlanks();
        }

        return part;
    }

    private (int Min, int Max) ParseCounts()
    {
        var begin = _at;
        var end = _text.IndexOf('}', _at);
        var inner = end < 0 ? [] : _text.AsSpan(_at + 1, end - _at - 1).Trim();
        var comma = inner.IndexOf(',');
        var low = (comma < 0 ? inner : inner[..comma]).Trim();
        var high = (comma < 0 ? inner : inner[(comma + 1)..]).Trim();
        var min = low.IsEmpty && comma >= 0 ? 0 : Count(low);
        var max = high.IsEmpty && comma >= 0 ? int.MaxValue : Count(high);
        if (max < min)
        {
            throw Wrong("the most repetitions are fewer than the least", begin, "{");
        }

        _at = end + 1;
        return (min, max);

        int Count(ReadOnlySpan<char> digits)
            => int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value <= LargestCount
                ? value
                : throw Wrong($"{{m,n}} with numbers up to {LargestCount} is expected", begin, "{");
    }

    private GrammarNode ParsePart()
    {
        var begin = _at;
        switch (_text[_at])
        {
            case '"':
                return ParseLiteral();
            case '[':
                return ParseClass();
            case '.':
                _at++;
                return _builder.Terminal(_regexes.CodePoints(CodePointSet.All));
            case '(':
                if (++_depth > _budget.Limits.Depth)
                {
                    throw Wrong($"groups are nested more than {_budget.Limits.Depth} deep", begin, "depth");
                }

                _at++;
                SkipBlanks();
                var inner = ParseChoice();
                if (!TryTake(')'))
                {
                    throw Wrong("there is a ( without its )", begin, "(");
                }

                _depth--;
                return inner;
        }

        var name = TakeName();
        return name.Length > 0
            ? RuleOf(name, begin)
            : throw Wrong($"'{_text[begin]}' is not expected", begin, _text[begin].ToString());
    }

    private GrammarNode ParseLiteral()
    {
        var begin = _at++;
        var value = new StringBuilder();
        while (true)
        {
            if (_at == _text.Length || _text[_at] is '\n' or '\r')
            {
                throw Wrong("a literal has no end", begin, "\"");
            }

            if (_text[_at] == '"')
            {
                _at++;
                return _builder.Literal(value.ToString());
            }

            value.Append(char.ConvertFromUtf32(TakeCharacter()));
        }
    }

    private GrammarNode ParseClass()
    {
        var begin = _at++;
        var negated = _at < _text.Length && _text[_at] == '^';
        _at += negated ? 1 : 0;
        var ranges = new List<(int First, int Last)>();
        while (_at < _text.Length && _text[_at] is not (']' or '\n' or '\r'))
        {
            var first = TakeCharacter();
            var last = first;
            if (_at + 1 < _text.Length && _text[_at] == '-' && _text[_at + 1] != ']')
            {
                _at++;
                last = TakeCharacter();
            }

            if (last < first)
            {
                throw Wrong("a range of characters runs backwards", begin, "[");
            }

            ranges.Add((first, last));
        }

        if (_at == _text.Length || _text[_at] != ']')
        {
            throw Wrong("there is a [ without its ]", begin, "[");
        }

        _at++;
        var set = CodePointSet.Of([.. ranges]);
        return _builder.Terminal(_regexes.CodePoints(negated ? set.Complement() : set));
    }

    // One character of a literal or a class.
    private int TakeCharacter()
    {
        var begin = _at;
        if (_text[_at] != '\\')
        {
            if (Rune.DecodeFromUtf16(Rest, out var rune, out var used) != System.Buffers.OperationStatus.Done)
            {
                throw Wrong("there is a surrogate without its partner", begin, "character");
            }

            _at += used;
            return rune.Value;
        }

        var escape = _at + 1 < _text.Length ? _text[_at + 1] : '\0';
        _at += 2;
        switch (escape)
        {
            case 'n': return '\n';
            case 'r': return '\r';
            case 't': return '\t';
            case 'x': return Hex(2);
            case 'u': return Hex(4);
            case 'U': return Hex(8);
            case '\\' or '"' or '[' or ']' or '^' or '-': return escape;
            default: throw Wrong($"\\{escape} is no escape that is known", begin, "\\");
        }

        int Hex(int digits)
        {
            if (_at + digits > _text.Length || !int.TryParse(
                _text.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
                || !Rune.IsValid(value))
            {
                throw Wrong($"{digits} hexadecimal digits that name a character are expected", begin, "\\" + escape);
            }

            _at += digits;
            return value;
        }
    }

    private GrammarRule RuleOf(string name, int use)
    {
        if (!_rules.TryGetValue(name, out var known))
        {
            known = (_builder.Rule(name), use);
            _rules.Add(name, known);
        }

        return known.Rule;
    }

    private RegexNode? RegexOf(GrammarNode node)
        => node is TerminalNode terminal ? terminal.Regex : node == _builder.Empty ? _regexes.Empty : null;

    // Whether the next rule begins here.
    private bool AtRule()
    {
        var begin = _at;
        var found = TakeName().Length > 0;
        SkipBlanks();
        found &= Rest.StartsWith("::=");
        _at = begin;
        return found;
    }

    private string TakeName()
    {
        var begin = _at;
        while (_at < _text.Length && (char.IsAsciiLetterOrDigit(_text[_at]) || _text[_at] is '-' or '_'))
        {
            _at++;
        }

        return _text[begin.._at];
    }

    private bool TryTake(char c)
    {
        if (_at == _text.Length || _text[_at] != c)
        {
            return false;
        }

        _at++;
        SkipBlanks();
        return true;
    }

    private void SkipBlanks()
    {
        while (_at < _text.Length && (char.IsWhiteSpace(_text[_at]) || _text[_at] == '#'))
        {
            if (_text[_at] == '#')
            {
                var end = Rest.IndexOfAny('\n', '\r');
                _at = end < 0 ? _text.Length : _at + end;
            }
            else
            {
                _at++;
            }
        }
    }

    private ReadOnlySpan<char> Rest => _text.AsSpan(_at);

    private ConstraintException Wrong(string reason, int at, string keyword)
    {
        var before = _text.AsSpan(0, at);
        var line = before.Count('\n') + 1;
        var column = at - before.LastIndexOf('\n');
        return new ConstraintException(
            $"The grammar cannot be used: {reason} (line {line}, column {column}).", $"line {line}, column {column}", keyword);
    }
}
