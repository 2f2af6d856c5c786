using System.Text;
using TorchKv.Structured.Automata;

namespace TorchKv.Structured.Tests;

[Trait("speed", "fast")]
public sealed class RegexFactoryTests
{
    private readonly RegexFactory _factory = new();

    [Fact]
    public void EqualExpressionsAreOneObject()
    {
        var first = _factory.Or(_factory.Literal("ab"), _factory.Literal("cd"));
        var second = _factory.Or(_factory.Literal("cd"), _factory.Literal("ab"), _factory.Nothing);
        Assert.Same(first, second);
    }

    [Fact]
    public void ALongCountedRepetitionIsNotWrittenOut()
    {
        var before = _factory.Count;
        var node = _factory.Repeat(_factory.Literal("ab"), 0, 10_000);
        Assert.True(_factory.Count - before < 10);
        Assert.True(Matches(node, string.Concat(Enumerable.Repeat("ab", 10_000))));
        Assert.False(Matches(node, string.Concat(Enumerable.Repeat("ab", 10_001))));
    }

    [Fact]
    public void AnIntersectionWithoutTextsIsFoundToMatchNothing()
    {
        var a = _factory.Plus(_factory.Literal("aa"));
        var b = _factory.Concat(_factory.Literal("a"), _factory.Star(_factory.Literal("aa")));
        Assert.True(_factory.MatchesNothing(_factory.And(a, b)));
        Assert.False(_factory.MatchesNothing(_factory.And(a, _factory.Not(b))));
    }

    [Fact]
    public void CodePointsAreValidUtf8()
    {
        var set = CodePointSet.Of((0x41, 0x41), (0x7F, 0x801), (0xD000, 0x10010));
        var node = _factory.CodePoints(set);
        for (var code = 0; code < 0x11000; code++)
        {
            if (Rune.IsValid(code))
            {
                Assert.Equal(set.Contains(code), Matches(node, new Rune(code).ToString()));
            }
        }
    }

    private bool Matches(RegexNode node, string text)
    {
        foreach (var value in Encoding.UTF8.GetBytes(text))
        {
            node = _factory.Derivative(node, value);
        }

        return node.IsNullable;
    }
}
