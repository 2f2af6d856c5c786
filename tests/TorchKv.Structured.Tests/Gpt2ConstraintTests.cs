using System.Text;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;
using TorchKv.TestSupport;

namespace TorchKv.Structured.Tests;

[Trait("speed", "fast")]
public sealed class Gpt2ConstraintTests
{
    private const string Record = """
        root   ::= "{\"name\": " string ", \"tags\": [" (string (", " string)*)? "], \"age\": " [1-9] [0-9]{0,2} "}"
        string ::= "\"" ([^"\\\x00-\x1F] | "\\" ["\\/bfnrt]){0,40} "\""
        """;

    private static readonly Gpt2Tokenizer Tokenizer = Gpt2Tokenizer.Load(RepositoryFiles.Weights("gpt2-vocab"));

    private static ITokenVocabulary Vocabulary => Tokenizer;

    public static TheoryData<string, string> Texts => new()
    {
        { Record, """{"name": "Ada é😀 Lovelace", "tags": ["a", "b\n"], "age": 36}""" },
        { "root ::= line+\nline ::= [a-zA-Z ,.]+ \"\\n\"", "Once upon a time, there was.\nThe end.\n" },
        { "root ::= (\"a\" | \"aa\" | root root)", "aaaaaa" },
        { "root ::= expr\nexpr ::= expr [+*] expr | [0-9]+ | \"(\" expr \")\"", "(12+3)*45+(6)" },
        { "root ::= .{0,200}", "any text: \"quoted\" \\ and\nmore" },
        { "root ::= \"\\\"\" [^\"]* \"\\\"\" \" tail\"?", "\"plain text, with all kinds of signs!\" tail" },
    };

    [Theory]
    [MemberData(nameof(Texts))]
    public async Task AMaskHoldsTheTokensThatCanBeAppended(string grammar, string text)
    {
        var matcher = await TokenConstraint.Grammar(grammar).CompileAsync(Vocabulary);
        var mask = new ulong[(Vocabulary.Count + 63) / 64];
        var ids = Tokenizer.Encode(text, recognizeSpecialTokens: false);
        for (var i = 0; i <= ids.Count; i++)
        {
            matcher.WriteMask(mask);
            if (i % 4 == 0)
            {
                for (var id = 0; id < Vocabulary.Count; id++)
                {
                    var appended = matcher.TryAppend(id);
                    Assert.True(appended == IsSet(mask, id), $"token {id} after {i} tokens: {appended}");
                    matcher.RemoveLast(appended ? 1 : 0);
                }
            }

            Assert.True(i == ids.Count || (IsSet(mask, ids[i]) && matcher.TryAppend(ids[i])));
        }

        Assert.True(matcher.CanEnd);
        Assert.False(IsSet(mask, Tokenizer.EndOfTextId!.Value));
    }

    [Fact]
    public async Task ForcedTokensAreTheTokenizersOwn()
    {
        var matcher = await TokenConstraint.Grammar(Record).CompileAsync(Vocabulary);
        var forced = new int[16];
        var count = matcher.WriteForcedTokens(forced);
        var expected = Tokenizer.Encode("{\"name\": \"");
        Assert.InRange(count, 3, expected.Count);
        Assert.Equal(expected.Take(count), forced.Take(count));

        // The last token may still become a longer one: after the blank a word may follow the quote.
        Assert.Equal("{\"name\":", Tokenizer.Decode(forced.Take(count)));
        Assert.Equal(2, matcher.WriteForcedTokens(forced.AsSpan(0, 2)));
    }

    [Fact]
    public async Task ATextWithoutAChoiceIsForcedToItsEnd()
    {
        const string Text = "The only answer is \"forty-two\", and nothing else.";
        var matcher = await TokenConstraint.Choice(Text).CompileAsync(Vocabulary);
        var forced = new int[64];
        var count = matcher.WriteForcedTokens(forced);
        Assert.Equal(Tokenizer.Encode(Text), forced.Take(count));
        Assert.All(forced.Take(count), id => Assert.True(matcher.TryAppend(id)));
        Assert.True(matcher.CanEnd);
        Assert.Equal(0, matcher.WriteForcedTokens(forced));
        var mask = new ulong[(Vocabulary.Count + 63) / 64];
        matcher.WriteMask(mask);
        Assert.All(mask, word => Assert.Equal(0UL, word));
    }

    [Fact]
    public async Task AWarmMatcherAllocatesNothing()
    {
        var matcher = await TokenConstraint.Grammar(Record).CompileAsync(Vocabulary);
        int[] ids = [.. Tokenizer.Encode("""{"name": "Ada Lovelace", "tags": ["a", "bc, d"], "age": 36}""")];
        var mask = new ulong[(Vocabulary.Count + 63) / 64];
        var forced = new int[8];
        var allocated = Allocations.Fewest(() =>
        {
            foreach (var id in ids)
            {
                matcher.WriteForcedTokens(forced);
                matcher.WriteMask(mask);
                Assert.True(matcher.TryAppend(id));
            }

            matcher.RemoveLast(ids.Length);
        });
        Assert.Equal(0, allocated);
    }

    [Theory]
    [InlineData("(a|b|ab)*(c|de)+", "aabbabcde", true)]
    [InlineData("(a|b|ab)*(c|de)+", "aabbab", false)]
    [InlineData(".*", "a\nb", false)]
    [InlineData("[^x]{3}", "é😀\n", true)]
    public async Task ARegexMatchesTheWholeText(string pattern, string text, bool expected)
    {
        var matcher = await TokenConstraint.Regex(pattern).CompileAsync(Vocabulary);
        var actual = Tokenizer.Encode(text, false).All(matcher.TryAppend) && matcher.CanEnd;
        Assert.Equal(expected, actual);
    }

    [Fact]
    public async Task SeveralThreadsMayUseOneConstraint()
    {
        var constraint = TokenConstraint.Grammar(Record);
        var ids = Tokenizer.Encode("""{"name": "Ada Lovelace", "tags": ["a", "bc, d"], "age": 36}""");
        var masks = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            var matcher = await constraint.CompileAsync(Vocabulary);
            var all = new List<ulong[]>();
            foreach (var id in ids)
            {
                var mask = new ulong[(Vocabulary.Count + 63) / 64];
                matcher.WriteMask(mask);
                all.Add(mask);
                Assert.True(matcher.TryAppend(id));
            }

            return all;
        })));
        Assert.All(masks, all => Assert.Equal(masks[0], all));
    }

    private static bool IsSet(ulong[] mask, int id) => (mask[id >> 6] >> (id & 63) & 1) != 0;
}
