using System.Text;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;

namespace TorchKv.Runtime.Tests.Text;

public class IncrementalDetokenizerTests
{
    private static readonly Gpt2Tokenizer s_gpt2 = Tokenizers.Gpt2;

    [Fact]
    public void CharacterIsShownWhenItsLastByteIsThere()
    {
        var detokenizer = new IncrementalDetokenizer(s_gpt2);
        var ids = s_gpt2.Encode("I\u2019m\U0001F469!");
        Assert.Equal(["I", "", "\u2019", "m", "", "\U0001F469", "!"], ids.Select(detokenizer.Append));
        Assert.Equal("", detokenizer.Finish());
    }

    [Fact]
    public void PiecesOfHuggingFacesTextsJoinToTheWhole()
    {
        foreach (var (_, ids, decoded) in Tokenizers.Fixtures)
        {
            var detokenizer = new IncrementalDetokenizer(s_gpt2);
            Assert.Equal(decoded, string.Concat(ids.Select(detokenizer.Append)) + detokenizer.Finish());
        }
    }

    [Fact]
    public void PiecesOfRandomIdsJoinToTheWhole()
    {
        var random = new Random(11);
        for (var round = 0; round < 5_000; round++)
        {
            int[] ids = [.. Enumerable.Range(0, random.Next(1, 40)).Select(_ => RandomId(random))];
            var detokenizer = new IncrementalDetokenizer(s_gpt2);
            string[] pieces = [.. ids.Select(detokenizer.Append), detokenizer.Finish()];
            Assert.Equal(s_gpt2.Decode(ids), string.Concat(pieces));
            Assert.All(pieces, piece => Assert.True(IsWellFormed(piece)));
        }
    }

    [Fact]
    public void PiecesOfRandomBytesJoinToTheWhole()
    {
        // Bytes that begin, continue and break UTF-8, each a token of its own.
        byte[] bytes = [0x41, 0x80, 0xBF, 0xC0, 0xC2, 0xC3, 0xE0, 0xA0, 0xE2, 0x82, 0xAC, 0xED, 0x9F, 0xEF, 0xF0, 0x90, 0x9F, 0x98, 0xF4, 0x8F, 0xF5, 0xFF];
        var idOf = Enumerable.Range(0, 256).ToDictionary(id => s_gpt2.TokenBytes(id)[0]);
        var random = new Random(12);
        for (var round = 0; round < 20_000; round++)
        {
            int[] ids = [.. Enumerable.Range(0, random.Next(1, 12)).Select(_ => idOf[bytes[random.Next(bytes.Length)]])];
            var detokenizer = new IncrementalDetokenizer(s_gpt2);
            Assert.Equal(s_gpt2.Decode(ids), string.Concat(ids.Select(detokenizer.Append)) + detokenizer.Finish());
        }
    }

    [Fact]
    public void CharacterCutShortIsReplacedAtTheEndOnly()
    {
        var detokenizer = new IncrementalDetokenizer(s_gpt2);
        Assert.Equal("", detokenizer.Append(447));
        Assert.Equal("\uFFFD", detokenizer.Finish());
    }

    [Fact]
    public void SpecialTokensAreLeftOutWhereAsked()
    {
        var detokenizer = new IncrementalDetokenizer(s_gpt2, skipSpecialTokens: true);
        Assert.Equal("Hello", detokenizer.Append(15496));
        Assert.Equal("", detokenizer.Append(50256));
        Assert.Equal("<|endoftext|>", new IncrementalDetokenizer(s_gpt2).Append(50256));
    }

    [Fact]
    public void StopTextAcrossTokensIsHeldBackAndCutOff()
    {
        var detokenizer = new IncrementalDetokenizer(s_gpt2, ["\n\nQ:"]);
        Assert.Equal("Yes", detokenizer.Append(Id("Yes")));
        Assert.Equal("", detokenizer.Append(Id("\n")));
        Assert.Equal("", detokenizer.Append(Id("\n")));
        Assert.False(detokenizer.IsStopped);
        Assert.Equal("", detokenizer.Append(Id("Q")));
        Assert.Equal("", detokenizer.Append(Id(":")));
        Assert.True(detokenizer.IsStopped);
        Assert.Equal("\n\nQ:", detokenizer.StopText);
        Assert.Equal("", detokenizer.Append(Id("x")));
        Assert.Equal("", detokenizer.Finish());
    }

    [Fact]
    public void TextThatDidNotBecomeAStopTextIsReleased()
    {
        var detokenizer = new IncrementalDetokenizer(s_gpt2, ["aab"]);
        Assert.Equal("", detokenizer.Append(Id("a")));
        Assert.Equal("", detokenizer.Append(Id("a")));
        Assert.Equal("a", detokenizer.Append(Id("a")));
        Assert.Equal("aac", detokenizer.Append(Id("c")));
        Assert.Equal("", detokenizer.Append(Id("a")));
        Assert.Equal("a", detokenizer.Finish());
        Assert.False(detokenizer.IsStopped);
    }

    [Fact]
    public void StopTextInTheMiddleOfATokenIsFound()
    {
        var detokenizer = new IncrementalDetokenizer(s_gpt2, ["ell"]);
        Assert.Equal("H", detokenizer.Append(Id("Hello")));
        Assert.True(detokenizer.IsStopped);
    }

    [Theory]
    [InlineData("xabcdy", new[] { "abcd", "c" }, "xab")]
    [InlineData("xabcdy", new[] { "abc", "c", "bc" }, "x")]
    [InlineData("xabab", new[] { "abab", "b" }, "xa")]
    public void StopTextThatIsCompleteFirstCounts(string text, string[] stops, string shown)
    {
        var detokenizer = new IncrementalDetokenizer(s_gpt2, stops);
        Assert.Equal(shown, string.Concat(text.Select(c => detokenizer.Append(Id(c.ToString())))) + detokenizer.Finish());
    }

    [Fact]
    public void RandomTextsAndStopsEndAsTheDefinitionSays()
    {
        var random = new Random(13);
        for (var round = 0; round < 20_000; round++)
        {
            var text = RandomText(random.Next(1, 30));
            string[] stops = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => RandomText(random.Next(1, 5)))];
            var scanner = new StopTextScanner(stops);
            var shown = new StringBuilder();
            for (var at = 0; at < text.Length;)
            {
                var length = Math.Min(random.Next(1, 5), text.Length - at);
                shown.Append(scanner.Append(text.Substring(at, length)));
                at += length;

                // Nothing is held back but what could begin a stop text.
                var held = text[shown.Length..at];
                Assert.True(scanner.Found is not null || held.Length == 0 || stops.Any(stop => stop.StartsWith(held, StringComparison.Ordinal) && stop != held));
            }

            shown.Append(scanner.Finish());
            var (expected, found) = Definition(text, stops);
            Assert.Equal((expected, found), (shown.ToString(), scanner.Found));
        }

        string RandomText(int length) => new([.. Enumerable.Range(0, length).Select(_ => (char)('a' + random.Next(2)))]);
    }

    [Fact]
    public void LongStopTextIsNotQuadratic()
    {
        var detokenizer = new IncrementalDetokenizer(s_gpt2, [new string('a', 100_000) + "b"]);
        var a = Id("a");
        for (var i = 0; i < 300_000; i++)
        {
            detokenizer.Append(a);
        }

        Assert.Equal(100_000, detokenizer.Finish().Length);
    }

    [Fact]
    public void EmptyStopTextIsRefused()
        => Assert.Equal("stop", Assert.Throws<OptionException>(() => new IncrementalDetokenizer(s_gpt2, ["a", ""])).Option);

    private static (string Shown, string? Found) Definition(string text, string[] stops)
    {
        for (var end = 1; end <= text.Length; end++)
        {
            var found = stops.Where(stop => text[..end].EndsWith(stop, StringComparison.Ordinal)).MaxBy(stop => stop.Length);
            if (found is not null)
            {
                return (text[..(end - found.Length)], found);
            }
        }

        return (text, null);
    }

    private static int Id(string text) => s_gpt2.Encode(text).Single();

    // Half of them single bytes, so that characters break often; some that the vocabulary lacks.
    private static int RandomId(Random random) => random.Next(8) switch
    {
        < 4 => random.Next(256),
        7 => random.Next(50_250, 50_300),
        _ => random.Next(50_257),
    };

    private static bool IsWellFormed(string text) => text.EnumerateRunes().Select(rune => rune.ToString()).Aggregate("", (a, b) => a + b) == text
        && !text.Where((c, i) => char.IsHighSurrogate(c) && (i + 1 == text.Length || !char.IsLowSurrogate(text[i + 1]))).Any();
}
