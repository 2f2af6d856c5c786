using System.Buffers;
using TorchKv.Runtime.Text;

namespace Microsoft.ML.Tokenizers.Tests;

/// <summary>Written against the package's public API alone: the same tests pass on the package.</summary>
public class Gpt2ConformanceTests
{
    private static readonly BpeTokenizer s_tokenizer = Gpt2.Tokenizer;

    [Fact]
    public void IdsAreHuggingFaces()
    {
        Assert.True(Gpt2.RegexFixtures.Count() >= 195);
        foreach (var (text, ids, _) in Gpt2.RegexFixtures)
        {
            Assert.Equal(ids, s_tokenizer.EncodeToIds(text));
            Assert.Equal(ids, s_tokenizer.EncodeToIds(text.AsSpan()));
        }
    }

    [Fact]
    public void DecodedTextIsHuggingFaces()
    {
        foreach (var (_, ids, decoded) in Gpt2.Fixtures)
        {
            Assert.Equal(decoded, s_tokenizer.Decode(ids));
        }
    }

    [Fact]
    public void CountIsTheNumberOfIds()
    {
        foreach (var (text, ids, _) in Gpt2.RegexFixtures)
        {
            Assert.Equal(ids.Length, s_tokenizer.CountTokens(text));
            Assert.Equal(ids.Length, s_tokenizer.CountTokens(text.AsSpan()));
        }
    }

    [Fact]
    public void TokensHaveIdsAndTheVocabularysForm()
    {
        foreach (var (text, ids, _) in Gpt2.RegexFixtures)
        {
            var tokens = s_tokenizer.EncodeToTokens(text, out var normalized);
            Assert.Null(normalized);
            Assert.Equal(ids, tokens.Select(token => token.Id));
            Assert.All(tokens, token => Assert.Equal(token.Id, s_tokenizer.Vocabulary[token.Value]));
        }
    }

    [Fact]
    public void TokensSayWhereTheyAre()
    {
        var tokens = s_tokenizer.EncodeToTokens("Hello world<|endoftext|>\u00E9!", out _);
        Assert.Equal(
            [("Hello", 0..5), ("\u0120world", 5..11), ("<|endoftext|>", 11..24), ("\u00C3\u00A9", 24..25), ("!", 25..26)],
            tokens.Select(token => (token.Value, token.Offset)));
        Assert.Equal(new EncodedToken(15496, "Hello", 0..5), tokens[0]);
        Assert.False(tokens[0].Equals(tokens[1]));
    }

    [Fact]
    public void TokensOfACharacterCutInBytesAllPointAtIt()
    {
        // U+1F469 is three tokens; each lies at the character's first code unit.
        var tokens = s_tokenizer.EncodeToTokens("a\U0001F469", out _);
        Assert.Equal(3, tokens.Count);
        Assert.Equal([0..1, 1..2, 1..2], tokens.Select(token => token.Offset));
    }

    [Fact]
    public void SpecialTokenIsOneIdWhereThePreTokenizerKeepsItWhole()
    {
        Assert.Equal([19052, 50256, 8499], s_tokenizer.EncodeToIds("before<|endoftext|>after"));
        Assert.Equal([50256, 50256], s_tokenizer.EncodeToIds("<|endoftext|><|endoftext|>"));
        Assert.Equal([220, 50256, 220], s_tokenizer.EncodeToIds(" <|endoftext|> "));
        Assert.Equal(1, s_tokenizer.CountTokens("<|endoftext|>"));
    }

    [Fact]
    public void SpecialTokenComesOutInPiecesWithoutItInThePreTokenizer()
    {
        var tokenizer = Gpt2.Create(new RegexPreTokenizer(Gpt2.Regex, null), Gpt2.SpecialTokens);
        Assert.Equal([27, 91, 437, 1659, 5239, 91, 29], tokenizer.EncodeToIds("<|endoftext|>"));
    }

    [Fact]
    public void LookAheadDoesNotSeePastASpecialToken()
        => Assert.Equal([64, 220, 220, 50256, 65], s_tokenizer.EncodeToIds("a  <|endoftext|>b"));

    [Fact]
    public void TextWithoutPreTokenizationIsOnePiece()
    {
        var tokenizer = s_tokenizer;
        Assert.Equal([15496, 995], tokenizer.EncodeToIds("Hello world", considerPreTokenization: false));
        Assert.Equal([27, 91, 437, 1659, 5239, 91, 29, 87], tokenizer.EncodeToIds("<|endoftext|>x", considerPreTokenization: false));
        Assert.Equal([50256], tokenizer.EncodeToIds("<|endoftext|>", considerPreTokenization: false));
    }

    [Theory]
    [InlineData(1, 5, "Hello")]
    [InlineData(2, 6, "Hello,")]
    [InlineData(3, 12, "Hello, world")]
    [InlineData(100, 13, "Hello, world!")]
    public void EncodingStopsAtTheTokenLimit(int limit, int consumed, string text)
    {
        var ids = s_tokenizer.EncodeToIds("Hello, world!", limit, out var normalized, out var charsConsumed);
        Assert.Null(normalized);
        Assert.Equal(consumed, charsConsumed);
        Assert.Equal(text, s_tokenizer.Decode(ids));
        Assert.Equal(consumed, s_tokenizer.GetIndexByTokenCount("Hello, world!", limit, out _, out var count));
        Assert.Equal(ids.Count, count);
        Assert.Equal(consumed, s_tokenizer.GetIndexByTokenCount("Hello, world!".AsSpan(), limit, out _, out _));
    }

    [Theory]
    [InlineData(1, 12)]
    [InlineData(2, 6)]
    [InlineData(3, 5)]
    [InlineData(4, 0)]
    [InlineData(100, 0)]
    public void IndexFromTheEndIsWhereTheLastTokensBegin(int limit, int index)
    {
        Assert.Equal(index, s_tokenizer.GetIndexByTokenCountFromEnd("Hello, world!", limit, out var normalized, out var count));
        Assert.Null(normalized);
        Assert.Equal(Math.Min(limit, 4), count);
        Assert.Equal(index, s_tokenizer.GetIndexByTokenCountFromEnd("Hello, world!".AsSpan(), limit, out _, out _));
    }

    [Fact]
    public void TokenLimitCutsInsideAPiece()
    {
        // " antidis…" is one piece of several tokens.
        const string Text = "antidisestablishmentarianism";
        var all = s_tokenizer.EncodeToTokens(Text, out _);
        for (var limit = 1; limit <= all.Count; limit++)
        {
            s_tokenizer.EncodeToIds(Text, limit, out _, out var consumed);
            Assert.Equal(all[limit - 1].Offset.End.Value, consumed);
            Assert.Equal(all[^limit].Offset.Start.Value, s_tokenizer.GetIndexByTokenCountFromEnd(Text, limit, out _, out _));
        }
    }

    [Fact]
    public void TokenLimitInsideACharacterEndsBeforeIt()
    {
        // U+1F469 is two tokens: with room for one of them, none of the character is consumed.
        s_tokenizer.EncodeToIds("\U0001F469", 1, out _, out var consumed);
        Assert.Equal(0, consumed);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void TokenLimitBelowOneIsRefused(int limit)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => s_tokenizer.EncodeToIds("a", limit, out _, out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => s_tokenizer.GetIndexByTokenCount("a", limit, out _, out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => s_tokenizer.GetIndexByTokenCountFromEnd("a", limit, out _, out _));
    }

    [Fact]
    public void EmptyTextHasNoTokens()
    {
        Assert.Empty(s_tokenizer.EncodeToIds(""));
        Assert.Empty(s_tokenizer.EncodeToTokens("", out _));
        Assert.Equal(0, s_tokenizer.CountTokens(""));
        Assert.Equal("", s_tokenizer.Decode([]));
    }

    [Fact]
    public void NormalizerIsAppliedUnlessTold()
    {
        var tokenizer = Gpt2.Create(new RegexPreTokenizer(Gpt2.Regex, null), null, new Upper());
        Assert.Equal(s_tokenizer.EncodeToIds("HELLO"), tokenizer.EncodeToIds("hello"));
        Assert.Equal(s_tokenizer.EncodeToIds("HELLO"), tokenizer.EncodeToIds("hello".AsSpan()));
        Assert.Equal(s_tokenizer.EncodeToIds("hello"), tokenizer.EncodeToIds("hello", considerNormalization: false));
        tokenizer.EncodeToTokens("hello", out var normalized);
        Assert.Equal("HELLO", normalized);
        Assert.IsType<Upper>(tokenizer.Normalizer);
    }

    [Fact]
    public void DecodingLeavesUnknownIdsOutAndReplacesBrokenCharacters()
    {
        Assert.Equal("Hello world", s_tokenizer.Decode([15496, 999_999, 995, -5]));
        Assert.Equal("\uFFFD", s_tokenizer.Decode([447]));
        Assert.Equal("<|endoftext|>", s_tokenizer.Decode([50256]));
        Assert.Equal("", s_tokenizer.Decode([50256], considerSpecialTokens: false));
        Assert.Throws<ArgumentNullException>(() => s_tokenizer.Decode(null!));
    }

    [Fact]
    public void DecodingIntoASpanWritesWholeCharacters()
    {
        Span<char> room = new char[16];
        Assert.Equal(OperationStatus.Done, s_tokenizer.Decode([15496, 995], room, out var ids, out var chars));
        Assert.Equal((2, "Hello world"), (ids, new string(room[..chars])));

        Assert.Equal(OperationStatus.DestinationTooSmall, s_tokenizer.Decode([15496, 995], room[..8], out ids, out chars));
        Assert.Equal((1, "Hello"), (ids, new string(room[..chars])));

        // U+2019 is 447, 247: its first token alone is held back.
        Assert.Equal(OperationStatus.Done, s_tokenizer.Decode([40, 447], room, out ids, out chars));
        Assert.Equal((1, "I"), (ids, new string(room[..chars])));
        Assert.Equal(OperationStatus.Done, s_tokenizer.Decode([40, 447, 247], room, out ids, out chars));
        Assert.Equal((3, "I\u2019"), (ids, new string(room[..chars])));

        Assert.Equal(OperationStatus.InvalidData, s_tokenizer.Decode([999_999], room, out _, out _));
    }

    [Fact]
    public void TokenizerSaysWhatItWasMadeFrom()
    {
        Assert.True(s_tokenizer.ByteLevel);
        Assert.Equal(50257, s_tokenizer.Vocabulary.Count);
        Assert.Equal(50256, s_tokenizer.SpecialTokens!["<|endoftext|>"]);
        Assert.IsType<RegexPreTokenizer>(s_tokenizer.PreTokenizer);
        Assert.Null(s_tokenizer.Normalizer);
        Assert.Null(s_tokenizer.UnknownToken);
    }

    private sealed class Upper : Normalizer
    {
        public override string Normalize(string original) => original.ToUpperInvariant();

        public override string Normalize(ReadOnlySpan<char> original) => original.ToString().ToUpperInvariant();
    }
}
