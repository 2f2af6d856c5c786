using System.Text;
using System.Text.RegularExpressions;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Automata;

namespace TorchKv.Structured.Tests;

public sealed class PatternTests
{
    private static readonly string[] Atoms =
        ["a", "b", "c", ".", "[ab]", "[^a]", "[^ab]", "é", "[a-é]", @"\d", @"\w", @"[\w-c]", @"\W", "ab", "€", @"\u0061", @"\x62"];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void MatchesWhatDotNetMatches(int seed)
    {
        var random = new Random(seed);
        var (matched, refused) = (0, 0);
        for (var i = 0; i < 400; i++)
        {
            var pattern = RandomPattern(random, 4, anchors: random.Next(2) == 0);
            var dotNetPattern = pattern.Replace("$", @"\z").Replace(@"\d", "[0-9]").Replace(@"\W", "[^a-zA-Z0-9_]")
                .Replace(@"[\w-c]", "[a-zA-Z0-9_-]").Replace(@"\w", "[a-zA-Z0-9_]");
            var anywhere = new Regex(dotNetPattern, RegexOptions.NonBacktracking);
            var whole = new Regex(@"\A(?:" + dotNetPattern + @")\z", RegexOptions.NonBacktracking);
            var factory = new RegexFactory();
            var search = new Pattern(factory).Compile(pattern, PatternMatch.Anywhere);
            var full = new Pattern(factory).Compile(pattern, PatternMatch.Whole);
            for (var t = 0; t < 40; t++)
            {
                var text = RandomText(random);
                var expected = anywhere.IsMatch(text);
                Assert.True(expected == Matches(factory, search, text), $"{pattern} anywhere in \"{text}\": {expected}");
                expected = whole.IsMatch(text);
                Assert.True(expected == Matches(factory, full, text), $"{pattern} on \"{text}\": {expected}");
                (matched, refused) = expected ? (matched + 1, refused) : (matched, refused + 1);
            }
        }

        Assert.True(matched > 500 && refused > 500);
    }

    [Theory]
    [InlineData("(?=a)b", "lookahead")]
    [InlineData("(?<!a)b", "lookbehind")]
    [InlineData(@"(a)\1", @"\1")]
    [InlineData(@"(?<n>a)\k<n>", @"\k")]
    [InlineData(@"\bword", @"\b")]
    [InlineData("(?i)a", "(?")]
    [InlineData(@"\p{Script=Greek}", @"\p")]
    [InlineData("a)", ")")]
    [InlineData("(a", "(")]
    [InlineData("[a", "[")]
    [InlineData("*a", "*")]
    [InlineData("a**", "quantifier")]
    [InlineData("a{3,2}", "{3,2}")]
    [InlineData("a{99999999999}", "quantifier")]
    [InlineData(@"\q", @"\q")]
    [InlineData(@"a\", @"\")]
    public void RefusesWhatItCannotDoByName(string pattern, string keyword)
    {
        var error = Assert.Throws<ConstraintException>(
            () => new Pattern(new RegexFactory()).Compile(pattern, PatternMatch.Whole, "/pattern"));
        Assert.Equal(keyword, error.Keyword);
        Assert.Equal("/pattern", error.Pointer);
    }

    [Theory]
    [InlineData(@"^\p{Lu}\p{Ll}+$", "Élan", true)]
    [InlineData(@"^\p{Lu}\p{Ll}+$", "élan", false)]
    [InlineData(@"^(?:a|(?<x>b)){2}$", "ab", true)]
    [InlineData(@"a{,2}", "a{,2}", true)]
    [InlineData(@"^😀+$", "😀😀", true)]
    [InlineData(@"^[😀-😂]$", "😁", true)]
    [InlineData(@"^\uD83D\uDE00$", "😀", true)]
    [InlineData(@"^\u{1F600}$", "😀", true)]
    [InlineData(@"^[^]$", "\n", true)]
    [InlineData(@"^\s$", "\u00A0", true)]
    [InlineData(@"^\cA$", "\u0001", true)]
    [InlineData(@"(^|x)a($|y)", "xay", true)]
    [InlineData(@"(^|x)a($|y)", "bay", false)]
    public void ReadsTheSyntaxOfEcma(string pattern, string text, bool expected)
    {
        var factory = new RegexFactory();
        Assert.Equal(expected, Matches(factory, new Pattern(factory).Compile(pattern, PatternMatch.Anywhere), text));
    }

    private static string RandomPattern(Random random, int depth, bool anchors)
    {
        if (depth == 0 || random.Next(4) == 0)
        {
            return anchors && random.Next(5) == 0 ? random.Next(2) == 0 ? "^" : "$" : Atoms[random.Next(Atoms.Length)];
        }

        string Inner() => RandomPattern(random, depth - 1, anchors);
        return random.Next(6) switch
        {
            0 => $"(?:{Inner()})*",
            1 => $"(?:{Inner()}){{{random.Next(3)},{random.Next(3, 5)}}}",
            2 => $"({Inner()}|{Inner()})",
            3 => $"(?:{Inner()})??",
            _ => Inner() + Inner(),
        };
    }

    private static string RandomText(Random random)
    {
        const string Letters = "aaabbbccé€1 ";
        return string.Concat(Enumerable.Range(0, random.Next(7)).Select(_ => Letters[random.Next(Letters.Length)]));
    }

    private static bool Matches(RegexFactory factory, RegexNode node, string text)
    {
        foreach (var value in Encoding.UTF8.GetBytes(text))
        {
            node = factory.Derivative(node, value);
        }

        return node.IsNullable;
    }
}
