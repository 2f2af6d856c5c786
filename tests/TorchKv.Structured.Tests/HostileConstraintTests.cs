using System.Text;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Automata;
using TorchKv.Structured.Grammars;
using TorchKv.Structured.Matching;

namespace TorchKv.Structured.Tests;

public sealed class HostileConstraintTests
{
    private static readonly ListVocabulary Vocabulary = new(
        [.. Enumerable.Range(0, 256).Select(value => new[] { (byte)value }), .. new[] { "aa", "aaaa", "ab", "((((" }.Select(Encoding.UTF8.GetBytes)]);

    public static TheoryData<string> Patterns =>
    [
        "(a|aa)*(a|aaa)*(aa|b)*$",
        "((a{0,100}){0,100}){0,100}b",
        "(.*a.{18}){3}",
        "(a?){500}a{500}",
        string.Concat(Enumerable.Repeat("(a|b)*a(a|b){5}", 20)),
        new string('(', 150) + "a" + new string(')', 150) + "{0,1000000}",
        "(x+x+)+y|" + string.Join('|', Enumerable.Range(0, 2000).Select(i => $"k{i}[^a-{(char)('b' + (i % 24))}]+")),
        @"(\p{L}|\p{N})*(\p{Lu}\p{Ll}{0,5000}){0,5000}",
    ];

    public static TheoryData<string> Grammars =>
    [
        "root ::= root root | \"a\" | \"\"",
        "root ::= a b c d root | \"\"\na ::= \"a\"? \nb ::= a a a\nc ::= b b b | c\nd ::= c c c | d root",
        "root ::= \"a\" root \"a\" | \"b\" | [ab]+ root",
        "root ::= x{0,1000000}\nx ::= y{0,1000000}\ny ::= \"a\" | \"b\" x",
        "root ::= a0\n" + string.Join('\n', Enumerable.Range(0, 5000).Select(i => $"a{i} ::= a{i + 1} | \"x\" a{i / 2}")) + "\na5000 ::= \"a\"",
        "root ::= " + string.Join(" | ", Enumerable.Range(0, 60_000).Select(i => $"\"a{i}\" root")),
        "root ::= ([a-z]+ root?)+",
    ];

    [Theory]
    [MemberData(nameof(Patterns))]
    public Task AHardPatternWorksOrNamesALimit(string pattern) => RunAsync(TokenConstraint.Regex(pattern));

    [Theory]
    [MemberData(nameof(Grammars))]
    public Task AHardGrammarWorksOrNamesALimit(string grammar) => RunAsync(TokenConstraint.Grammar(grammar));

    [Theory]
    [InlineData("regex")]
    [InlineData("grammar")]
    public async Task ATextThatIsTooLongIsRefused(string kind)
    {
        var text = new string('a', 2_000_001);
        var constraint = kind == "regex" ? TokenConstraint.Regex(text) : TokenConstraint.Grammar(text);
        var error = await Assert.ThrowsAsync<ConstraintException>(async () => await constraint.CompileAsync(Vocabulary));
        Assert.Equal("length", error.Keyword);
    }

    [Fact]
    public void AnErrorLeavesTheConstraintsOtherTextsUnchanged()
    {
        var budget = new WorkBudget(WorkLimits.Default with { ParserRows = 300 });
        var grammar = new GrammarParser("root ::= root root | [ab]+ | \"(\" root \")\"", budget).Parse();
        var compiled = new CompiledGrammar(grammar, Vocabulary, budget);
        var (first, second) = (compiled.NewMatcher(), compiled.NewMatcher());
        Assert.True(first.TryAppend('(') && first.TryAppend('a'));
        var before = Mask(first);
        var error = Assert.Throws<ConstraintException>(() =>
        {
            for (var i = 0; i < 2000; i++)
            {
                Assert.True(second.TryAppend("(a"[i & 1]));
            }
        });
        Assert.Equal("parser rows", error.Keyword);
        Assert.Equal(before, Mask(first));
        Assert.True(first.TryAppend(')') && first.CanEnd);
    }

    // The deadlines and limits end all work; what they do not end must be right, so that a mask never lies.
    private static async Task RunAsync(TokenConstraint constraint)
    {
        try
        {
            var matcher = await constraint.CompileAsync(Vocabulary);
            var random = new Random(1);
            for (var step = 0; step < 60; step++)
            {
                int[] allowed = [.. Mask(matcher)];
                Assert.True(allowed.Length > 0 || matcher.CanEnd);
                if (allowed.Length == 0)
                {
                    return;
                }

                var id = allowed.Contains('a') && random.Next(4) > 0 ? 'a' : allowed[random.Next(allowed.Length)];
                matcher.WriteForcedTokens(new int[4]);
                Assert.True(matcher.TryAppend(id));
            }
        }
        catch (ConstraintException error)
        {
            Assert.NotNull(error.Keyword);
        }
    }

    private static List<int> Mask(ITokenMatcher matcher)
    {
        var mask = new ulong[(Vocabulary.Count + 63) / 64];
        matcher.WriteMask(mask);
        return [.. Enumerable.Range(0, Vocabulary.Count).Where(id => (mask[id >> 6] >> (id & 63) & 1) != 0)];
    }
}
