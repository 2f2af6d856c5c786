using TorchKv.Structured.Automata;
using TorchKv.Structured.Grammars;

namespace TorchKv.Structured.Tests;

/// <summary>Draws small grammars: recursive on either side, ambiguous, with parts that match nothing or the empty text.</summary>
internal sealed class RandomGrammars
{
    private readonly Random _random;
    private readonly RegexFactory _regexes = new();
    private readonly GrammarBuilder _builder;
    private readonly GrammarRule[] _rules;

    private RandomGrammars(Random random)
    {
        _random = random;
        _builder = new GrammarBuilder(_regexes);
        _rules = [.. Enumerable.Range(0, random.Next(1, 4)).Select(i => _builder.Rule($"r{i}"))];
    }

    public static Grammar Next(Random random)
    {
        var grammars = new RandomGrammars(random);
        foreach (var rule in grammars._rules)
        {
            rule.Body = grammars.Part(3);
        }

        return new Grammar(grammars._regexes, grammars._rules[0]);
    }

    private GrammarNode Part(int depth)
    {
        if (depth == 0 || _random.Next(5) == 0)
        {
            return _random.Next(3) == 0 ? _rules[_random.Next(_rules.Length)] : Terminal();
        }

        return _random.Next(5) switch
        {
            0 or 1 => _builder.Sequence([.. Enumerable.Range(0, _random.Next(1, 4)).Select(_ => Part(depth - 1))]),
            2 or 3 => _builder.Choice([.. Enumerable.Range(0, _random.Next(1, 4)).Select(_ => Part(depth - 1))]),
            _ => _random.Next(3) switch
            {
                0 => _builder.Repeat(Part(depth - 1), _random.Next(2)),
                1 => _builder.Repeat(Part(depth - 1), _random.Next(3), _random.Next(2, 5)),
                _ => _builder.Optional(Part(depth - 1)),
            },
        };
    }

    private GrammarNode Terminal()
    {
        return _builder.Terminal(_random.Next(9) switch
        {
            0 => _regexes.Literal("a"),
            1 => _regexes.Literal("b"),
            2 => _regexes.Literal("ab"),
            3 => _regexes.Plus(Class("ab")),
            4 => _regexes.Star(_regexes.Literal("ba")),
            5 => _regexes.Repeat(Class("bc"), 1, 2),
            6 => _regexes.And(_regexes.Plus(Class("abc")), _regexes.Not(_regexes.Literal("ab"))),
            7 => _regexes.And(_regexes.Star(_regexes.Literal("aa")), _regexes.Plus(_regexes.Literal("aaa"))),
            _ => Class("abc"),
        });
    }

    private RegexNode Class(string letters) => _regexes.CodePoints(CodePointSet.Of([.. letters.Select(c => ((int)c, (int)c))]));
}
