using System.Runtime.CompilerServices;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Structured.Automata;

/// <summary>
/// Turns patterns in the syntax of ECMA-262 (with the Unicode flag) into expressions over bytes.
/// </summary>
/// <remarks>
/// Lazy quantifiers match the same texts as greedy ones. What no automaton can do (lookaround, backreferences) and word
/// boundaries are refused by name.
/// </remarks>
/// <param name="factory">Makes the expressions.</param>
/// <param name="encode">
/// Gives the bytes of one character of a set; null: UTF-8. A JSON string's characters, for example, may be escaped.
/// </param>
internal sealed class Pattern(RegexFactory factory, Func<CodePointSet, RegexNode>? encode = null)
{
    private readonly Func<CodePointSet, RegexNode> _encode = encode ?? factory.CodePoints;
    private readonly Dictionary<PatternNode, RegexNode> _plain = [];

    /// <summary>The expression of a pattern.</summary>
    /// <param name="pattern">The pattern.</param>
    /// <param name="match">Whether the pattern must match the whole text.</param>
    /// <param name="pointer">Where the pattern stands, for messages; null: nowhere.</param>
    /// <exception cref="ConstraintException">The pattern is wrong or not supported.</exception>
    public RegexNode Compile(string pattern, PatternMatch match, string? pointer = null)
    {
        var tree = new PatternParser(pattern, pointer).Parse();
        if (match == PatternMatch.Whole)
        {
            return Between(tree, true, true);
        }

        var any = factory.Star(_encode(CodePointSet.All));
        var some = factory.Plus(_encode(CodePointSet.All));
        if (!tree.HasAnchor)
        {
            return factory.Concat(any, Plain(tree), any);
        }

        var whole = Between(tree, true, true);
        var prefix = Between(tree, true, false);
        var suffix = Between(tree, false, true);
        var inner = Between(tree, false, false);
        return factory.Or(
            whole == prefix ? factory.Concat(whole, any) : factory.Or(whole, factory.Concat(prefix, some)),
            suffix == inner
                ? factory.Concat(some, inner, any)
                : factory.Or(factory.Concat(some, suffix), factory.Concat(some, inner, some)));
    }

    // The texts that a part matches, where the position before it is the text's beginning or not, and that after it the
    // end or not.
    private RegexNode Between(PatternNode node, bool start, bool end)
        => MatchesEmpty(node, start, end)
            ? factory.Optional(NonEmpty(node, start, end))
            : NonEmpty(node, start, end);

    private RegexNode Plain(PatternNode node)
    {
        if (_plain.TryGetValue(node, out var known))
        {
            return known;
        }

        EnsureStack();
        var regex = node switch
        {
            PatternNode.Character character => _encode(character.Set),
            PatternNode.Sequence sequence => factory.Concat(Array.ConvertAll(sequence.Parts, Plain)),
            PatternNode.Choice choice => factory.Or(Array.ConvertAll(choice.Alternatives, Plain)),
            PatternNode.Repetition repetition => factory.Repeat(Plain(repetition.Part), repetition.Min, repetition.Max),
            _ => throw new InvalidOperationException("An anchor has no texts of its own."),
        };
        _plain.Add(node, regex);
        return regex;
    }

    // Whether a part matches the empty text at a position that is the text's beginning, its end, both or neither.
    private static bool MatchesEmpty(PatternNode node, bool start, bool end)
    {
        EnsureStack();
        return node switch
        {
            PatternNode.Anchor anchor => anchor.IsStart ? start : end,
            PatternNode.Sequence sequence => sequence.Parts.All(part => MatchesEmpty(part, start, end)),
            PatternNode.Choice choice => choice.Alternatives.Any(part => MatchesEmpty(part, start, end)),
            PatternNode.Repetition repetition => repetition.Min == 0 || MatchesEmpty(repetition.Part, start, end),
            _ => false,
        };
    }

    // The texts other than the empty one.
    private RegexNode NonEmpty(PatternNode node, bool start, bool end)
    {
        EnsureStack();
        if (!node.HasAnchor && Plain(node) is { IsNullable: false } plain)
        {
            return plain;
        }

        return node switch
        {
            PatternNode.Sequence sequence => NonEmptySequence(sequence.Parts, start, end),
            PatternNode.Choice choice => factory.Or([.. choice.Alternatives.Select(part => NonEmpty(part, start, end))]),
            PatternNode.Repetition repetition => NonEmptyRepetition(repetition, start, end),
            _ => factory.Nothing,
        };
    }

    private RegexNode NonEmptySequence(PatternNode[] parts, bool start, bool end)
    {
        // The non-empty texts of the parts from i on: with text before them, and without.
        var (afterText, afterNothing) = (factory.Nothing, factory.Nothing);
        var restMayBeEmpty = true;
        for (var i = parts.Length - 1; i >= 0; i--)
        {
            var part = parts[i];
            var inText = factory.Concat(NonEmpty(part, false, false), afterText);
            var atStart = factory.Concat(NonEmpty(part, start, false), afterText);
            if (restMayBeEmpty)
            {
                inText = factory.Or(inText, NonEmpty(part, false, end));
                atStart = factory.Or(atStart, NonEmpty(part, start, end));
            }

            afterText = MatchesEmpty(part, false, false) ? factory.Or(inText, afterText) : inText;
            afterNothing = MatchesEmpty(part, start, false) ? factory.Or(atStart, afterNothing) : atStart;
            restMayBeEmpty &= MatchesEmpty(part, false, end);
        }

        return afterNothing;
    }

    private RegexNode NonEmptyRepetition(PatternNode.Repetition repetition, bool start, bool end)
    {
        var (part, min, max) = (repetition.Part, repetition.Min, repetition.Max);
        if (max == 0)
        {
            return factory.Nothing;
        }

        // Repetitions of the empty text fill up what is missing to the least number, wherever there is room for them.
        if (MatchesEmpty(part, false, false) || MatchesEmpty(part, start, false) || MatchesEmpty(part, false, end))
        {
            min = 0;
        }

        var once = min <= 1 ? NonEmpty(part, start, end) : factory.Nothing;
        if (max == 1)
        {
            return once;
        }

        var between = factory.Repeat(
            NonEmpty(part, false, false), Math.Max(min - 2, 0), max == RegexNode.Unbounded ? max : max - 2);
        return factory.Or(once, factory.Concat(NonEmpty(part, start, false), between, NonEmpty(part, false, end)));
    }

    private static void EnsureStack()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new ConstraintException("The pattern is nested too deeply.", keyword: "depth");
        }
    }
}
