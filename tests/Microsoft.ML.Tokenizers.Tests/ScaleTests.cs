using System.Text;

namespace Microsoft.ML.Tokenizers.Tests;

/// <summary>Memory is measured, so nothing runs beside these.</summary>
[CollectionDefinition(nameof(ScaleTests), DisableParallelization = true)]
public class ScaleTestsRunAlone;

/// <summary>Work that a quadratic step or a cache without a bound would not finish in a test's time.</summary>
[Collection(nameof(ScaleTests))]
public class ScaleTests
{
    [Fact]
    public void LongWordOfOneLetterIsNotQuadratic()
    {
        // One piece, and its merges never end early: neighbours become "aa", these "aaaa".
        var ids = Gpt2.Tokenizer.EncodeToIds(new string('a', 100_000));
        Assert.Equal(100_000, Gpt2.Tokenizer.Decode(ids).Length);
        var beginning = Gpt2.Tokenizer.EncodeToIds(new string('a', 1_600));
        Assert.Equal(beginning, ids.Take(beginning.Count));
        Assert.Equal(1_000_000, Gpt2.Tokenizer.Decode(Gpt2.Tokenizer.EncodeToIds(new string('a', 1_000_000))).Length);
    }

    [Theory]
    [InlineData(" ")]
    [InlineData("=")]
    [InlineData("\u00E9")]
    [InlineData("ab")]
    [InlineData("\u4E00\u4E8C")]
    [InlineData("0123456789")]
    public void OtherLongPiecesAreNotEither(string unit)
    {
        var text = string.Concat(Enumerable.Repeat(unit, 100_000));
        Assert.Equal(text, Gpt2.Tokenizer.Decode(Gpt2.Tokenizer.EncodeToIds(text)));
    }

    [Fact]
    public void TenMegabytesAreEncodedAndDecoded()
    {
        var words = Gpt2.Tokenizer.Vocabulary.Keys.Where(token => token.All(char.IsAsciiLetter)).Order(StringComparer.Ordinal).ToArray();
        var random = new Random(1);
        var text = new StringBuilder();
        while (text.Length < 10_000_000)
        {
            // Zipf-like, as words are: rank ~ exp(uniform).
            text.Append(words[(int)Math.Exp(random.NextDouble() * Math.Log(words.Length))]).Append(random.Next(8) == 0 ? ",\n" : " ");
        }

        var ids = Gpt2.Tokenizer.EncodeToIds(text.ToString());
        Assert.Equal(text.ToString(), Gpt2.Tokenizer.Decode(ids));
    }

    [Fact]
    public void MemoryDoesNotGrowWithTheNumberOfDifferentWords()
    {
        var tokenizer = Gpt2.Create(new RegexPreTokenizer(Gpt2.Regex, null), null);
        Encode(0, 100_000);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        Encode(100_000, 400_000);
        var after = GC.GetTotalMemory(forceFullCollection: true);

        // 300,000 words kept would be some 60 MB; other tests in this process allocate a little beside.
        Assert.True(after - before < 25_000_000, $"{after - before} bytes more");

        void Encode(int from, int to)
        {
            for (var i = from; i < to; i++)
            {
                tokenizer.CountTokens($"word{(char)('a' + (i % 26))}{i}x{i * 31}");
            }
        }
    }

    [Fact]
    public void ManyThreadsEncodeWithOneTokenizer()
    {
        var fixtures = Gpt2.RegexFixtures.ToArray();
        Parallel.For(0, 64, i =>
        {
            for (var j = 0; j < fixtures.Length; j++)
            {
                var (text, ids, _) = fixtures[(i + (j * 7)) % fixtures.Length];
                Assert.Equal(ids, Gpt2.Tokenizer.EncodeToIds(text));
            }
        });
    }
}
