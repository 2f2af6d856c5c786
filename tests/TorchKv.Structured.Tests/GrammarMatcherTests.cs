using System.Text;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Automata;
using TorchKv.Structured.Grammars;
using TorchKv.Structured.Matching;

namespace TorchKv.Structured.Tests;

public sealed class GrammarMatcherTests
{
    private static readonly ListVocabulary Vocabulary = new(
        ["a", "b", "c", "", "ab", "abc", "ba", "<|end|>", "aa", "aaaa", "cab", "bcbc", "a", "\"", "a\"", "é", "abab", "bb", "\nab"]);

    private static readonly ListVocabulary Bytes = new(Enumerable.Range(0, 256).Select(value => new[] { (byte)value }));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void AcceptsTheTextsOfRandomGrammars(int seed)
    {
        var random = new Random(seed);
        var (accepted, refused) = (0, 0);
        for (var g = 0; g < 100; g++)
        {
            var grammar = RandomGrammars.Next(random);
            if (Compile(grammar, Bytes) is not { } compiled)
            {
                Assert.All(Texts("abc", 3), text => Assert.False(new GrammarOracle(grammar, text).Matches()));
                continue;
            }

            foreach (var text in Texts("abc", 4))
            {
                var expected = new GrammarOracle(grammar, text).Matches();
                var matcher = compiled.NewMatcher();
                var actual = text.All(value => matcher.TryAppend(value)) && matcher.CanEnd;
                Assert.True(expected == actual, $"seed {seed}, grammar {g}, \"{Encoding.UTF8.GetString(text)}\": {expected}");
                (accepted, refused) = expected ? (accepted + 1, refused) : (accepted, refused + 1);
            }
        }

        Assert.True(accepted > 500 && refused > 500);
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    public void AMaskHoldsTheTokensThatCanBeAppended(int seed)
    {
        var random = new Random(seed);
        var seen = 0;
        for (var g = 0; g < 150; g++)
        {
            if (Compile(RandomGrammars.Next(random), Vocabulary) is not { } compiled)
            {
                continue;
            }

            var matcher = compiled.NewMatcher();
            for (var step = 0; step < 8; step++)
            {
                var allowed = Allowed(matcher);
                Assert.Equal(Enumerable.Range(0, Vocabulary.Count).Where(id => matcher.Fork().TryAppend(id)), allowed);
                Assert.True(allowed.Count > 0 || matcher.CanEnd);
                if (allowed.Count == 0)
                {
                    break;
                }

                Assert.True(matcher.TryAppend(allowed[random.Next(allowed.Count)]));
                seen++;
            }
        }

        Assert.True(seen > 200);
    }

    [Fact]
    public void EveryAllowedByteLeadsToAWholeText()
    {
        var random = new Random(5);
        var found = 0;
        for (var g = 0; g < 150; g++)
        {
            if (Compile(RandomGrammars.Next(random), Bytes) is not { } compiled)
            {
                continue;
            }

            var matcher = compiled.NewMatcher();
            for (var step = 0; step < 5; step++)
            {
                Assert.True(CanBecomeWhole(matcher), $"grammar {g}");
                found++;
                var allowed = Allowed(matcher);
                if (allowed.Count == 0)
                {
                    break;
                }

                matcher.TryAppend(allowed[random.Next(allowed.Count)]);
            }
        }

        Assert.True(found > 200);
    }

    [Fact]
    public void ForksAndTakenBackTokensLeaveNoTrace()
    {
        var random = new Random(7);
        for (var g = 0; g < 60; g++)
        {
            if (Compile(RandomGrammars.Next(random), Vocabulary) is not { } compiled)
            {
                continue;
            }

            var matchers = new List<(ITokenMatcher Matcher, List<int> Tokens)> { (compiled.NewMatcher(), []) };
            for (var step = 0; step < 40; step++)
            {
                var (matcher, tokens) = matchers[random.Next(matchers.Count)];
                switch (random.Next(4))
                {
                    case 0 when matchers.Count < 5:
                        matchers.Add((matcher.Fork(), [.. tokens]));
                        break;
                    case 1:
                        var count = random.Next(tokens.Count + 1);
                        matcher.RemoveLast(count);
                        tokens.RemoveRange(tokens.Count - count, count);
                        break;
                    default:
                        var id = random.Next(Vocabulary.Count);
                        if (matcher.TryAppend(id))
                        {
                            tokens.Add(id);
                        }

                        break;
                }

                foreach (var (other, itsTokens) in matchers)
                {
                    var fresh = compiled.NewMatcher();
                    Assert.All(itsTokens, id => Assert.True(fresh.TryAppend(id)));
                    Assert.Equal(fresh.CanEnd, other.CanEnd);
                    Assert.Equal(Allowed(fresh), Allowed(other));
                }
            }
        }
    }

    [Fact]
    public void ForcedTokensAreAllowedAndTheOnlyWay()
    {
        var random = new Random(9);
        var forcedTokens = new int[8];
        var seen = 0;
        for (var g = 0; g < 300; g++)
        {
            if (Compile(RandomGrammars.Next(random), Vocabulary) is not { } compiled)
            {
                continue;
            }

            var matcher = compiled.NewMatcher();
            for (var step = 0; step < 6; step++)
            {
                var count = matcher.WriteForcedTokens(forcedTokens);
                if (count > 0)
                {
                    seen++;
                    Assert.False(matcher.CanEnd);
                    var text = Concat(forcedTokens.AsSpan(0, count));
                    Assert.All(
                        Allowed(matcher),
                        id => Assert.True(text.AsSpan().StartsWith(Vocabulary.TokenBytes(id)) || Vocabulary.TokenBytes(id).StartsWith(text)));
                    Assert.All(forcedTokens.Take(count), id => Assert.True(matcher.TryAppend(id)));
                    continue;
                }

                var allowed = Allowed(matcher);
                if (allowed.Count == 0)
                {
                    break;
                }

                matcher.TryAppend(allowed[random.Next(allowed.Count)]);
            }
        }

        Assert.True(seen > 20);
    }

    [Fact]
    public void FullTablesAreReplacedWithoutATrace()
    {
        var regexes = new RegexFactory();
        var builder = new GrammarBuilder(regexes);
        var list = builder.Rule("list");
        list.Body = builder.Choice(builder.Literal("a"), builder.Sequence(builder.Literal("a"), builder.Literal("b"), list));
        var limits = WorkLimits.Default with { ParserRows = 40 };
        var compiled = new CompiledGrammar(new Grammar(regexes, list), Vocabulary, new WorkBudget(limits));
        var (first, second) = (compiled.NewMatcher(), compiled.NewMatcher());
        var tables = compiled.Tables;
        for (var i = 0; i < 9; i++)
        {
            Assert.True(first.TryAppend(0) && first.TryAppend(1));
            Assert.True(second.TryAppend(4));
            Assert.Equal(Allowed(first), Allowed(second));
        }

        Assert.False(first.CanEnd);
        Assert.True(first.TryAppend(0));
        Assert.True(first.CanEnd);
        for (var i = 0; i < 4; i++)
        {
            // Other texts fill the tables again and again.
            var other = compiled.NewMatcher();
            Assert.True(Enumerable.Range(0, 7).All(_ => other.TryAppend(4)));
        }

        var error = Assert.Throws<ConstraintException>(() =>
        {
            for (var i = 0; i < 100; i++)
            {
                Assert.True(second.TryAppend(4));
            }
        });
        Assert.Equal("parser rows", error.Keyword);
        Assert.NotSame(tables, compiled.Tables);
    }

    private static CompiledGrammar? Compile(Grammar grammar, ITokenVocabulary vocabulary)
    {
        try
        {
            return new CompiledGrammar(grammar, vocabulary, new WorkBudget(WorkLimits.Default with { CompileTime = TimeSpan.FromMinutes(1) }));
        }
        catch (ConstraintException error) when (error.Keyword == "empty language")
        {
            return null;
        }
    }

    private static bool CanBecomeWhole(GrammarMatcher start)
    {
        var seen = new HashSet<string>();
        var pending = new Queue<GrammarMatcher>([(GrammarMatcher)start.Fork()]);
        while (seen.Count < 20_000 && pending.TryDequeue(out var next))
        {
            if (next.CanEnd)
            {
                return true;
            }

            foreach (var id in Allowed(next))
            {
                var longer = (GrammarMatcher)next.Fork();
                longer.TryAppend(id);
                if (seen.Add(string.Join(',', longer.Threads.ToArray()) + longer.CanEnd))
                {
                    pending.Enqueue(longer);
                }
            }
        }

        return false;
    }

    private static List<int> Allowed(ITokenMatcher matcher)
    {
        Span<ulong> mask = stackalloc ulong[4];
        mask.Fill(ulong.MaxValue);
        mask = matcher is GrammarMatcher { VocabularyCount: <= 64 } ? mask[..1] : mask;
        matcher.WriteMask(mask);
        var allowed = new List<int>();
        for (var id = 0; id < mask.Length * 64; id++)
        {
            if ((mask[id >> 6] >> (id & 63) & 1) != 0)
            {
                allowed.Add(id);
            }
        }

        return allowed;
    }

    private static byte[] Concat(ReadOnlySpan<int> ids)
    {
        var bytes = new List<byte>();
        foreach (var id in ids)
        {
            bytes.AddRange(Vocabulary.TokenBytes(id));
        }

        return [.. bytes];
    }

    private static IEnumerable<byte[]> Texts(string letters, int longest)
    {
        IEnumerable<string> texts = [""];
        for (var length = 0; length <= longest; length++)
        {
            foreach (var text in texts)
            {
                yield return Encoding.UTF8.GetBytes(text);
            }

            texts = [.. texts.SelectMany(text => letters.Select(letter => text + letter))];
        }
    }
}
