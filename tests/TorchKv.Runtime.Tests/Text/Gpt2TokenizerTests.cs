using System.Text;
using System.Text.Json;
using TorchKv.Runtime.Text;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Text;

public class Gpt2TokenizerTests
{
    private static readonly Gpt2Tokenizer s_gpt2 = Tokenizers.Gpt2;

    [Fact]
    public void IdsAndDecodedTextAreHuggingFaces()
    {
        Assert.True(Tokenizers.Fixtures.Count >= 199);
        foreach (var (text, ids, decoded) in Tokenizers.Fixtures)
        {
            Assert.Equal(ids, s_gpt2.Encode(text));
            Assert.Equal(decoded, s_gpt2.Decode(ids));
        }
    }

    [Fact]
    public void Gpt2HasItsSizeAndItsEnd()
    {
        Assert.Equal(50257, s_gpt2.VocabSize);
        Assert.Equal(50256, s_gpt2.EndOfTextId);
        Assert.True(s_gpt2.IsSpecial(50256));
        Assert.False(s_gpt2.IsSpecial(0));
    }

    [Fact]
    public void StorytellersVocabularyGivesTheReferencePromptsAndTexts()
    {
        var tokenizer = Tokenizers.Storyteller;
        Assert.Equal((4096, 4095), (tokenizer.VocabSize, tokenizer.EndOfTextId));
        using var golden = JsonDocument.Parse(File.ReadAllBytes(RepositoryFiles.Fixture("storyteller", "golden.json")));
        foreach (var prompt in golden.RootElement.GetProperty("prompts").EnumerateArray())
        {
            Assert.Equal(Ids(prompt.GetProperty("prompt_ids")), tokenizer.Encode(prompt.GetProperty("prompt").GetString()!));
            Assert.Equal(prompt.GetProperty("greedy_text").GetString(), tokenizer.Decode(Ids(prompt.GetProperty("greedy_ids"))));
        }

        static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];
    }

    [Fact]
    public void HeldOutStoriesHaveTheReferencesNumberOfIds()
    {
        var text = File.ReadAllText(RepositoryFiles.Fixture("storyteller", "heldout.txt"));
        var ids = Tokenizers.Storyteller.Encode(text);
        Assert.Equal(12_394, ids.Count);
        Assert.Equal(text, Tokenizers.Storyteller.Decode(ids));
    }

    [Fact]
    public void SpecialTokensAreRecognisedUnlessTold()
    {
        Assert.Equal([19052, 50256, 8499], s_gpt2.Encode("before<|endoftext|>after"));
        Assert.Equal([27, 91, 437, 1659, 5239, 91, 29], s_gpt2.Encode("<|endoftext|>", recognizeSpecialTokens: false));
        Assert.Equal("beforeafter", s_gpt2.Decode([19052, 50256, 8499], skipSpecialTokens: true));
        Assert.Equal([50256, 50256, 27, 91, 437, 1659, 5239, 91], s_gpt2.Encode("<|endoftext|><|endoftext|><|endoftext|"));
        Assert.Equal([64, 220, 220, 50256, 65], s_gpt2.Encode("a  <|endoftext|>b"));
    }

    [Fact]
    public void LettersAndDigitsOutsideTheBasicPlaneBelongToWords()
    {
        // As one word: a space and the letters after it are one piece, so the space joins the first letter's bytes.
        string[] texts = [" \U0001D400\U0001D401", " \U00020000\U00020001", " \U0001D7D9\U0001D7DA", "x\U0001D400y"];
        foreach (var text in texts)
        {
            Assert.Equal([(0, text.Length)], new Gpt2PreTokenizer().PreTokenize(text));
        }

        Assert.Equal([(0, 2), (2, 2)], new Gpt2PreTokenizer().PreTokenize("\U0001D400\U0001D7D9"));
        Assert.Equal(3, new Gpt2PreTokenizer().PreTokenize("a\U0001F600b").Count());
    }

    [Theory]
    [InlineData("a\u0085b", "a|\u0085|b")] // next line is white space
    [InlineData("a\u180Eb", "a|\u180E|b")] // Mongolian vowel separator is not: it joins what is neither letter nor digit
    [InlineData("!\u180E!", "!\u180E!")]
    [InlineData("!\u001C\u001F!", "!\u001C\u001F!")] // Python's isspace says otherwise
    [InlineData("a\u00A0b", "a|\u00A0|b")]
    [InlineData("a \u00A0b", "a| |\u00A0|b")] // only U+0020 joins a word
    [InlineData("a\u00A0 b", "a|\u00A0| b")]
    [InlineData("a\u2028b\u2029c\u3000d", "a|\u2028|b|\u2029|c|\u3000|d")]
    [InlineData("a\r\nb", "a|\r|\n|b")]
    [InlineData("a\r\n\r\n b", "a|\r\n\r\n| b")]
    [InlineData("a  \t b  ", "a|  \t| b|  ")]
    [InlineData("\tx", "\t|x")]
    [InlineData("a\u200Bb", "a|\u200B|b")] // zero width space is no white space
    [InlineData("e\u0301x", "e|\u0301|x")] // a combining mark is no letter
    [InlineData("\u0967\u0968 \u2167\u00B2x", "\u0967\u0968| \u2167\u00B2|x")]
    [InlineData("it's we'Ll 're'd ''t", "it|'s| we|'|Ll| '|re|'d| ''|t")]
    [InlineData("\U0001F469\u200D\U0001F467!", "\U0001F469\u200D\U0001F467!")]
    [InlineData(" ", " ")]
    [InlineData("   ", "   ")]
    [InlineData(" '", " '")]
    public void PiecesAreThoseOfGpt2sExpression(string text, string pieces)
        => Assert.Equal(pieces, string.Join('|', new Gpt2PreTokenizer().PreTokenize(text).Select(p => text.Substring(p.Offset, p.Length))));

    [Fact]
    public void RandomTextsSplitAsTheExpressionDoesOnCodePoints()
    {
        var random = new Random(3);
        var splitter = new Gpt2PreTokenizer();
        var alphabet = SplitOracle.Alphabet();
        for (var round = 0; round < 20_000; round++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 12)).Select(_ => alphabet[random.Next(alphabet.Length)]));
            var expected = SplitOracle.Split(text);
            Assert.Equal(expected, splitter.PreTokenize(text));
            Assert.Equal(expected, splitter.PreTokenize(text.AsSpan()));
        }
    }

    [Fact]
    public void EveryCodePointIsClassifiedAsTheExpressionDoes()
    {
        var splitter = new Gpt2PreTokenizer();
        foreach (var values in Enumerable.Range(0, 0x110000).Where(Rune.IsValid).Chunk(0x1000))
        {
            // Between a letter and a digit, and after a space: its class decides where the cuts are.
            var text = string.Concat(values.Select(value => $"a{new Rune(value)}1 {new Rune(value)}"));
            Assert.True(SplitOracle.Split(text).SequenceEqual(splitter.PreTokenize(text)), $"among U+{values[0]:X4} to U+{values[^1]:X4}");
        }
    }

    [Fact]
    public void TextComesBackAsItWas()
    {
        var random = new Random(4);
        var alphabet = SplitOracle.Alphabet();
        for (var round = 0; round < 2_000; round++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(0, 60)).Select(_ => alphabet[random.Next(alphabet.Length)]));
            Assert.Equal(text, s_gpt2.Decode(s_gpt2.Encode(text)));
        }
    }

    [Fact]
    public void SurrogateWithoutItsPartnerCountsAsTheReplacementCharacter()
    {
        Assert.Equal(s_gpt2.Encode("a\uFFFDb"), s_gpt2.Encode("a\uD800b"));
        Assert.Equal(s_gpt2.Encode("\uFFFD\uFFFD\U0001F600"), s_gpt2.Encode("\uDC00\uD83D\U0001F600"));
        Assert.Equal(s_gpt2.Encode("x\uFFFD"), s_gpt2.Encode("x\uD83D"));
    }

    [Fact]
    public void DecodingNeverFails()
    {
        // Ids that the vocabulary lacks give nothing; bytes that are no UTF-8 give U+FFFD, one for each longest broken beginning.
        Assert.Equal("Hello world", s_gpt2.Decode([15496, 50257, 995, int.MaxValue, -1, int.MinValue]));
        Assert.Equal("\uFFFD", s_gpt2.Decode([447]));
        Assert.True(s_gpt2.TokenBytes(50257).IsEmpty);
        Assert.True(s_gpt2.TokenBytes(-1).IsEmpty);

        int[] bytes = [.. new byte[] { 0xF0, 0x9F, 0x98, 0x41, 0xC0, 0x80, 0xED, 0xA0, 0x80, 0xE2, 0x82 }.Select(ByteId)];
        Assert.Equal("\uFFFDA\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD", s_gpt2.Decode(bytes));
    }

    [Fact]
    public void BytesOfAllTokensAreTheVocabularys()
    {
        Assert.Equal(" world"u8, s_gpt2.TokenBytes(995));
        Assert.Equal("<|endoftext|>"u8, s_gpt2.TokenBytes(50256));
        Assert.All(Enumerable.Range(0, 256), value => Assert.InRange(ByteId((byte)value), 0, 255));
    }

    [Fact]
    public void ManyThreadsMayUseOneTokenizer()
        => Parallel.For(0, 32, i =>
        {
            foreach (var (text, ids, decoded) in Tokenizers.Fixtures.Skip(i))
            {
                Assert.Equal(ids, s_gpt2.Encode(text));
                Assert.Equal(decoded, s_gpt2.Decode(ids));
            }
        });

    private static int ByteId(byte value)
        => Enumerable.Range(0, 256).Single(id => s_gpt2.TokenBytes(id).SequenceEqual([value]));
}
