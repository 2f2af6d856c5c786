namespace Microsoft.ML.Tokenizers.Tests;

/// <summary>Small vocabularies, and what is refused; written against the package's public API alone.</summary>
public class BpeConformanceTests
{
    private static readonly KeyValuePair<string, int>[] s_vocabulary = [new("a", 0), new("b", 1), new("ab", 2), new("abb", 3), new("?", 4)];

    [Fact]
    public void CharactersThatTheVocabularyLacksAreDropped()
    {
        var tokenizer = BpeTokenizer.Create(new BpeOptions(s_vocabulary) { Merges = ["a b", "ab b"] });
        Assert.Equal([3, 0], tokenizer.EncodeToIds("abbza"));
    }

    [Theory]
    [InlineData(false, new[] { 2, 4, 4, 0 })]
    [InlineData(true, new[] { 2, 4, 0 })]
    public void UnknownTokenStandsForThem(bool fuse, int[] ids)
    {
        var tokenizer = BpeTokenizer.Create(new BpeOptions(s_vocabulary) { Merges = ["a b"], UnknownToken = "?", FuseUnknownTokens = fuse });
        Assert.Equal(ids, tokenizer.EncodeToIds("abxya"));
        Assert.Equal("ab?", tokenizer.Decode([2, 4]));
    }

    [Fact]
    public void BestPairIsMergedFirstAndLeftmostAmongEquals()
    {
        var vocabulary = new Dictionary<string, int> { ["a"] = 0, ["aa"] = 1, ["aaa"] = 2, ["b"] = 3, ["ab"] = 4 };
        var tokenizer = BpeTokenizer.Create(new BpeOptions(vocabulary) { Merges = ["a a", "a b", "aa a"] });
        Assert.Equal([2], tokenizer.EncodeToIds("aaa"));
        Assert.Equal([1, 3], tokenizer.EncodeToIds("aab"));
        Assert.Equal([1, 4], tokenizer.EncodeToIds("aaab"));
    }

    [Fact]
    public void WithoutAPreTokenizerWordsAndTheRestAreSplitAndSpacesDropped()
    {
        var vocabulary = new Dictionary<string, int> { ["a"] = 0, ["b"] = 1, ["!"] = 2, [" "] = 3 };
        var tokenizer = BpeTokenizer.Create(new BpeOptions(vocabulary));
        Assert.Equal([0, 1, 2], tokenizer.EncodeToIds("a b!"));
        Assert.Equal([0, 3, 1, 2], tokenizer.EncodeToIds("a b!", considerPreTokenization: false));
    }

    [Fact]
    public void PreTokenizersSplitAsTheirNamesSay()
    {
        const string Text = "Hi, you two!!";
        Assert.Equal(["Hi", ",", "you", "two", "!", "!"], Pieces(PreTokenizer.CreateWordOrPunctuation(), Text));
        Assert.Equal(["Hi", ",", "you", "two", "!!"], Pieces(PreTokenizer.CreateWordOrNonWord(), Text));
        Assert.Equal(["Hi,", "you", "two!!"], Pieces(PreTokenizer.CreateWhiteSpace(), Text));
        Assert.Equal(["Hi,", "<x y>", "you"], Pieces(PreTokenizer.CreateWhiteSpace(new Dictionary<string, int> { ["<x y>"] = 1 }), "Hi, <x y> you"));
    }

    [Fact]
    public void OptionsAreRefusedWithTheCause()
    {
        Assert.Throws<ArgumentNullException>(() => BpeTokenizer.Create((BpeOptions)null!));
        Assert.Throws<ArgumentNullException>(() => new BpeOptions((string)null!));
        Assert.Throws<ArgumentNullException>(() => new BpeOptions((IEnumerable<KeyValuePair<string, int>>)null!));
        Assert.Throws<ArgumentNullException>(() => new RegexPreTokenizer(null!, null));
        Assert.Contains("no-such-file", Assert.Throws<ArgumentException>(() => new BpeOptions("no-such-file.json")).Message);
        Assert.Throws<ArgumentException>(() => new BpeOptions(Gpt2.VocabFile, "no-such-file.txt"));
        Assert.Throws<InvalidOperationException>(() => BpeTokenizer.Create(new BpeOptions(new Dictionary<string, int>())));
        Assert.Throws<InvalidOperationException>(() => BpeTokenizer.Create(new BpeOptions(s_vocabulary) { UnknownToken = "no" }));
        Assert.Throws<InvalidOperationException>(() => BpeTokenizer.Create(new BpeOptions(s_vocabulary) { Merges = ["a"] }));
        Assert.Throws<InvalidOperationException>(() => BpeTokenizer.Create(new BpeOptions(s_vocabulary) { Merges = ["a b b"] }));
        Assert.Throws<InvalidOperationException>(() => BpeTokenizer.Create(new BpeOptions(s_vocabulary) { Merges = ["b a"] }));
        Assert.Throws<InvalidOperationException>(() => BpeTokenizer.Create(new BpeOptions(s_vocabulary) { Merges = ["x b"] }));
        Assert.Throws<ArgumentException>(() => BpeTokenizer.Create(new BpeOptions(s_vocabulary) { Merges = ["a b", "a b"] }));
        Assert.Throws<ArgumentException>(() => BpeTokenizer.Create(new BpeOptions([new("a", 0), new("b", 0)])));
        Assert.Throws<ArgumentException>(() => BpeTokenizer.Create(new BpeOptions([new("a", 0), new("a", 1)])));
    }

    [Fact]
    public void FilesThatAreNotWhatTheyShouldBeAreRefused()
    {
        var folder = Directory.CreateTempSubdirectory("bpe");
        try
        {
            string Write(string name, string text)
            {
                var file = Path.Combine(folder.FullName, name);
                File.WriteAllText(file, text);
                return file;
            }

            Assert.Throws<System.Text.Json.JsonException>(() => new BpeOptions(Write("a.json", "{\"a\": \"b\"}")));
            Assert.Throws<System.Text.Json.JsonException>(() => new BpeOptions(Write("b.json", "[1]")));
            Assert.ThrowsAny<System.Text.Json.JsonException>(() => new BpeOptions(Write("c.json", "{\"a\": 1")));
            var vocabulary = Write("d.json", "{\"a\": 0, \"b\": 1, \"ab\": 2}");
            Assert.Contains("line: 3", Assert.Throws<InvalidOperationException>(() => new BpeOptions(vocabulary, Write("m.txt", "#version: 0.2\na b\nab\n"))).Message);
            var options = new BpeOptions(vocabulary, Write("n.txt", "#version: 0.2\r\n\r\na b\r\n"));
            Assert.Equal(["a b"], options.Merges!);
            Assert.Equal([2], BpeTokenizer.Create(options).EncodeToIds("ab"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void RandomVocabulariesMergeAsTheDefinitionSays()
    {
        var random = new Random(7);
        for (var round = 0; round < 60; round++)
        {
            var tokens = new List<string> { "a", "b", "c" };
            var merges = new List<string>();
            for (var attempt = 0; attempt < 40; attempt++)
            {
                var (left, right) = (tokens[random.Next(tokens.Count)], tokens[random.Next(tokens.Count)]);
                if (!tokens.Contains(left + right))
                {
                    tokens.Add(left + right);
                    merges.Add($"{left} {right}");
                }
            }

            var ids = tokens.Select((token, id) => KeyValuePair.Create(token, id)).ToDictionary();
            var tokenizer = BpeTokenizer.Create(new BpeOptions(ids) { Merges = merges });
            for (var sample = 0; sample < 20; sample++)
            {
                var text = new string([.. Enumerable.Range(0, random.Next(1, 200)).Select(_ => (char)('a' + random.Next(random.Next(1, 4))))]);
                Assert.Equal(Merge(text, merges).Select(token => ids[token]), tokenizer.EncodeToIds(text, considerPreTokenization: false));
            }
        }
    }

    /// <summary>Sennrich et al.'s definition, one merge at a time.</summary>
    private static List<string> Merge(string text, List<string> merges)
    {
        var symbols = text.Select(c => c.ToString()).ToList();
        while (true)
        {
            var best = Enumerable.Range(0, symbols.Count - 1)
                .Select(i => (Rank: merges.IndexOf($"{symbols[i]} {symbols[i + 1]}"), At: i))
                .Where(pair => pair.Rank >= 0)
                .OrderBy(pair => pair)
                .FirstOrDefault((Rank: -1, At: -1));
            if (best.At < 0)
            {
                return symbols;
            }

            symbols[best.At] += symbols[best.At + 1];
            symbols.RemoveAt(best.At + 1);
        }
    }

    private static IEnumerable<string> Pieces(PreTokenizer preTokenizer, string text)
    {
        var pieces = preTokenizer.PreTokenize(text).Select(piece => text.Substring(piece.Offset, piece.Length)).ToArray();
        Assert.Equal(pieces, preTokenizer.PreTokenize(text.AsSpan()).Select(piece => text.Substring(piece.Offset, piece.Length)));
        return pieces;
    }
}
