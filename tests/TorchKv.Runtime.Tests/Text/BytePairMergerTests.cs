using Microsoft.ML.Tokenizers;
using TorchKv.Runtime.Text;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Text;

/// <summary>Long pieces: the ids are the package's, and the work grows with the length.</summary>
public class BytePairMergerTests
{
    private const string Letters = "abcdefghijklmnopqrstuvwxyz";

    public static TheoryData<string> Vocabularies { get; } = ["gpt2-vocab", "storyteller"];

    [Theory]
    [MemberData(nameof(Vocabularies))]
    public void LongPiecesGiveThePackagesIds(string folder)
    {
        var (vocabulary, merges) = Read(folder);
        var (merger, package) = (new BytePairMerger(vocabulary, merges), Package(vocabulary, merges));
        Assert.True(merger.HasEveryByte);
        var random = new Random(5);
        string[] alphabets =
        [
            "a", "ab", "aA", "etaoin", Letters, "0123456789", " ", " \n\t", "-=*_.", "\u00E9\u4E00\U0001F600x",
            "the and ing",
        ];
        for (var round = 0; round < 400; round++)
        {
            var length = random.Next(1, round % 8 == 0 ? 4000 : 300);
            var piece = RandomText(random, alphabets[round % alphabets.Length], length);
            Assert.Equal(package.EncodeToIds(piece, considerPreTokenization: false), Ids(merger, piece));
        }
    }

    [Theory]
    [MemberData(nameof(Vocabularies))]
    public void TextsWithLongPiecesGiveThePackagesIds(string folder)
    {
        var (vocabulary, merges) = Read(folder);
        var package = Package(vocabulary, merges, new Gpt2PreTokenizer());
        var tokenizer = Gpt2Tokenizer.Load(RepositoryFiles.Weights(folder));
        var random = new Random(6);
        string[] parts = ["\n", "\n\n", " ", "  ", " \u4E00", "it's", "'", "end.", "x", "12", "\u00A0 "];
        string[] alphabets = ["a", "abc", "7", "=", " "];
        int[] lengths = [.. Enumerable.Range(Gpt2Tokenizer.LongestPackagePiece - 2, 5), 500];
        for (var round = 0; round < 600; round++)
        {
            var text = Parts() + Long() + Parts() + Long() + Parts();
            Assert.Equal(package.EncodeToIds(text), tokenizer.Encode(text));
        }

        string Parts() => string.Concat(Enumerable.Range(0, random.Next(4)).Select(_ => AnyOf(parts)));
        string Long() => RandomText(random, AnyOf(alphabets), AnyOf(lengths));
        T AnyOf<T>(T[] values) => values[random.Next(values.Length)];
    }

    [Fact]
    public void RandomVocabulariesMergeAsTheDefinitionSays()
    {
        var random = new Random(7);
        for (var round = 0; round < 80; round++)
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

            if (round % 2 == 1)
            {
                // No trained list has this order: a token's merges come before those that make it.
                random.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(merges));
            }

            var vocabulary = tokens.Select((token, id) => KeyValuePair.Create(token, id)).ToDictionary();
            var (merger, package) = (new BytePairMerger(vocabulary, merges), Package(vocabulary, merges));
            Assert.False(merger.HasEveryByte);
            for (var sample = 0; sample < 20; sample++)
            {
                var text = RandomText(random, "abc"[..random.Next(1, 4)], random.Next(1, 200));
                int[] expected = [.. MergedByDefinition(text, merges).Select(token => vocabulary[token])];
                Assert.Equal(expected, Ids(merger, text));
                Assert.Equal(expected, package.EncodeToIds(text, considerPreTokenization: false));
            }
        }
    }

    [Theory]
    [InlineData("a")]
    [InlineData(" ")]
    [InlineData("ab")]
    [InlineData("\u00E9")]
    [InlineData("0123456789")]
    [InlineData("")]
    public void WorkGrowsWithTheLengthAlone(string unit)
    {
        var (vocabulary, merges) = Read("gpt2-vocab");
        var merger = new BytePairMerger(vocabulary, merges);
        foreach (var length in (int[])[10_000, 100_000, 1_000_000])
        {
            var piece = unit == ""
                ? RandomText(new Random(8), Letters, length)
                : string.Concat(Enumerable.Repeat(unit, length / unit.Length));
            var bytes = System.Text.Encoding.UTF8.GetByteCount(piece);
            var ids = new List<int>();
            Assert.InRange(merger.Encode(piece, ids), bytes - ids.Count, 3L * bytes);
        }
    }

    [Fact]
    public void AMegabyteOfOneLetterComesBack()
    {
        var text = new string('a', 1_000_000);
        Assert.Equal(text, Tokenizers.Gpt2.Decode(Tokenizers.Gpt2.Encode(text)));
        Assert.Equal(text, Tokenizers.Storyteller.Decode(Tokenizers.Storyteller.Encode(text)));
    }

    [Fact]
    public void AByteThatTheVocabularyLacksIsLeftOut()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["vocab.json"], """{"a": 0, "b": 1, "ab": 2, "abb": 3}""");
        File.WriteAllText(folder["merges.txt"], "#version: 0.2\na b\nab b\n");
        var tokenizer = Gpt2Tokenizer.Load(folder.Path);

        Assert.Equal([3, 0], tokenizer.Encode("abbza"));
        Assert.Equal([2, 2], tokenizer.Encode("azb a\u00E9zb"));
        Assert.Empty(tokenizer.Encode("xyz"));
        Assert.Equal(1000, tokenizer.Encode(string.Concat(Enumerable.Repeat("abz", 1000))).Count);
    }

    private static (Dictionary<string, int> Vocabulary, List<string> Merges) Read(string folder)
    {
        var vocabulary = VocabularyFiles.ReadVocabulary(RepositoryFiles.Weights(folder, "vocab.json"));
        return (vocabulary, VocabularyFiles.ReadMerges(RepositoryFiles.Weights(folder, "merges.txt"), vocabulary));
    }

    private static BpeTokenizer Package(
        Dictionary<string, int> vocabulary, List<string> merges, PreTokenizer? split = null) =>
        BpeTokenizer.Create(new BpeOptions(vocabulary) { Merges = merges, ByteLevel = true, PreTokenizer = split });

    private static List<int> Ids(BytePairMerger merger, string piece)
    {
        var ids = new List<int>();
        merger.Encode(piece, ids);
        return ids;
    }

    private static string RandomText(Random random, string alphabet, int length)
    {
        var runes = alphabet.EnumerateRunes().ToArray();
        return string.Concat(Enumerable.Range(0, length).Select(_ => runes[random.Next(runes.Length)].ToString()));
    }

    // One merge at a time: the best of all pairs, the leftmost among equals.
    private static List<string> MergedByDefinition(string text, List<string> merges)
    {
        var symbols = text.Select(character => character.ToString()).ToList();
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
}
