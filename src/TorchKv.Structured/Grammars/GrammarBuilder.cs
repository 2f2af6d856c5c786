using TorchKv.Structured.Automata;

namespace TorchKv.Structured.Grammars;

/// <summary>
/// Makes the parts of a grammar. What can be one terminal without changing the parser's work becomes one: literals next
/// to each other, and alternatives that are all literals.
/// </summary>
/// <param name="regexes">The factory of all terminals.</param>
internal sealed class GrammarBuilder(RegexFactory regexes)
{
    private static readonly SequenceNode s_empty = new([]);
    private static readonly ChoiceNode s_nothing = new([]);

    private readonly Dictionary<RegexNode, TerminalNode> _terminals = [];

    public RegexFactory Regexes => regexes;

    /// <summary>Matches the empty text.</summary>
    public GrammarNode Empty => s_empty;

    /// <summary>Matches no text.</summary>
    public GrammarNode Nothing => s_nothing;

    /// <summary>A rule whose <see cref="GrammarRule.Body"/> the caller sets.</summary>
    public GrammarRule Rule(string name) => new(name);

    /// <summary>A text, in UTF-8.</summary>
    public GrammarNode Literal(string text) => Terminal(regexes.Literal(text));

    /// <summary>A regular expression.</summary>
    public GrammarNode Terminal(RegexNode regex)
    {
        if (regex == regexes.Empty)
        {
            return s_empty;
        }

        if (!_terminals.TryGetValue(regex, out var node))
        {
            node = new TerminalNode(regex);
            _terminals.Add(regex, node);
        }

        return node;
    }

    /// <summary>Parts one after the other.</summary>
    public GrammarNode Sequence(params ReadOnlySpan<GrammarNode> parts)
    {
        var flat = new List<GrammarNode>(parts.Length);
        foreach (var part in parts)
        {
            ReadOnlySpan<GrammarNode> inner = part is SequenceNode sequence ? sequence.Parts : [part];
            foreach (var item in inner)
            {
                if (item == s_nothing)
                {
                    return s_nothing;
                }

                if (flat.Count > 0 && LiteralOf(flat[^1]) is { } before && LiteralOf(item) is { } after)
                {
                    flat[^1] = Terminal(regexes.Concat(before, after));
                }
                else
                {
                    flat.Add(item);
                }
            }
        }

        return flat.Count switch { 0 => s_empty, 1 => flat[0], _ => new SequenceNode([.. flat]) };
    }

    /// <summary>Any of several parts.</summary>
    public GrammarNode Choice(params ReadOnlySpan<GrammarNode> alternatives)
    {
        var flat = new List<GrammarNode>(alternatives.Length);
        var seen = new HashSet<GrammarNode>();
        var literals = regexes.Nothing;
        foreach (var alternative in alternatives)
        {
            ReadOnlySpan<GrammarNode> inner = alternative is ChoiceNode choice ? choice.Alternatives : [alternative];
            foreach (var item in inner)
            {
                if (seen.Add(item))
                {
                    flat.Add(item);
                }
            }
        }

        if (flat.Count > 1 && flat.All(item => LiteralOf(item) is not null))
        {
            literals = regexes.Or([.. flat.Select(item => LiteralOf(item)!)]);
            return Terminal(literals);
        }

        return flat.Count switch { 0 => s_nothing, 1 => flat[0], _ => new ChoiceNode([.. flat]) };
    }

    /// <summary>A part, a number of times.</summary>
    /// <param name="part">What is repeated.</param>
    /// <param name="min">How often at least.</param>
    /// <param name="max">How often at most; <see cref="int.MaxValue"/>: no bound.</param>
    public GrammarNode Repeat(GrammarNode part, int min, int max = int.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(min);
        return (min, max) switch
        {
            _ when max < min => s_nothing,
            (_, 0) => s_empty,
            (1, 1) => part,
            _ when part == s_nothing => min == 0 ? s_empty : s_nothing,
            _ => new RepeatNode(part, min, max),
        };
    }

    /// <summary>A part or nothing.</summary>
    public GrammarNode Optional(GrammarNode part) => Repeat(part, 0, 1);

    // A chain of single bytes, which no automaton needs to look at as a whole.
    private static RegexNode? LiteralOf(GrammarNode node)
    {
        if (node is not TerminalNode terminal)
        {
            return null;
        }

        var regex = terminal.Regex;
        while (regex.Kind == RegexKind.Concat && IsByte(regex.Children[0]))
        {
            regex = regex.Children[1];
        }

        return IsByte(regex) ? terminal.Regex : null;
    }

    private static bool IsByte(RegexNode regex) => regex.Kind == RegexKind.Bytes && regex.Bytes.Count == 1;
}
