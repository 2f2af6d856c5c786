using System.Text;
using TorchKv.Runtime.Text;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Text;

public sealed class VocabularyFilesTests : IDisposable
{
    private const string Vocabulary = """{"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3}""";

    private readonly string _folder = Directory.CreateTempSubdirectory("vocab").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void SmallVocabularyWorks()
    {
        Write("vocab.json", Vocabulary);
        Write("merges.txt", "#version: 0.2\r\n\r\na b\r\n");
        var tokenizer = Gpt2Tokenizer.Load(_folder);
        Assert.Equal([2, 0, 3], tokenizer.Encode("aba<|endoftext|>"));
        Assert.Equal("aba", tokenizer.Decode([2, 0]));
        Assert.Equal((4, 3), (tokenizer.VocabSize, tokenizer.EndOfTextId));
    }

    [Fact]
    public void FileMarkAndMissingEndOfTextAreTaken()
    {
        Write("vocab.json", "\uFEFF{\"a\": 0}");
        Write("merges.txt", "\uFEFF#version: 0.2\n");
        Assert.Null(Gpt2Tokenizer.Load(_folder).EndOfTextId);
    }

    [Theory]
    [InlineData("", "not valid JSON")]
    [InlineData("hello", "not valid JSON")]
    [InlineData("[1, 2]", "not a JSON object")]
    [InlineData("{}", "is empty")]
    [InlineData("{\"a\": 0", "not valid JSON")]
    [InlineData("{\"a\": 0} {}", "not valid JSON")]
    [InlineData("{\"a\": \"0\"}", "the id of the token 'a'")]
    [InlineData("{\"a\": {}}", "the id of the token 'a'")]
    [InlineData("{\"a\": -1}", "the id of the token 'a'")]
    [InlineData("{\"a\": 0.5}", "the id of the token 'a'")]
    [InlineData("{\"a\": 99999999999}", "the id of the token 'a'")]
    [InlineData("{\"a\": 0, \"b\": 0}", "'a' and 'b' have the same id 0")]
    [InlineData("{\"a\": 0, \"a\": 1}", "'a' is there twice")]
    [InlineData("{\"a\": 0, \"b\": 2}", "no token has the id 1")]
    [InlineData("{\"a\": 1}", "no token has the id 0")]
    [InlineData("{\"a\": 0, \"b\": 2000000000}", "no token has the id 1")]
    [InlineData("{\"\\ud800\": 0}", "not valid JSON")]
    public void VocabularyThatCannotBeUsedIsRefusedByName(string json, string reason)
    {
        Write("vocab.json", json);
        Write("merges.txt", "");
        Refused("vocab.json", reason);
    }

    [Theory]
    [InlineData("a\n", "line 1")]
    [InlineData("#version: 0.2\na b\na b b\n", "line 3")]
    [InlineData("a b \n", "line 1")]
    [InlineData(" b\n", "line 1")]
    [InlineData("a c\n", "needs the token 'c'")]
    [InlineData("b a\n", "needs the token 'ba'")]
    [InlineData("a b\n\na b\n", "line 3 repeats the merge 'a b'")]
    public void MergesThatCannotBeUsedAreRefusedByName(string merges, string reason)
    {
        Write("vocab.json", Vocabulary);
        Write("merges.txt", merges);
        Refused("merges.txt", reason);
    }

    [Fact]
    public void MissingFilesAreNamed()
    {
        Refused("vocab.json", "does not exist");
        Write("vocab.json", Vocabulary);
        Refused("merges.txt", "does not exist");
        Directory.CreateDirectory(Path.Combine(_folder, "merges.txt"));
        Refused("merges.txt", "is a folder");
    }

    [Fact]
    public void FilesOfOtherBytesAreRefused()
    {
        File.WriteAllBytes(Path.Combine(_folder, "vocab.json"), [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x30, 0x7D]);
        Write("merges.txt", "");
        Refused("vocab.json", "not valid JSON");
        Write("vocab.json", Vocabulary);
        File.WriteAllBytes(Path.Combine(_folder, "merges.txt"), [0x61, 0x20, 0xFF]);
        Refused("merges.txt", "is not UTF-8");
    }

    [Fact]
    public void DeepJsonIsRefused()
    {
        Write("vocab.json", "{\"a\": " + new string('[', 100_000) + new string(']', 100_000) + "}");
        Write("merges.txt", "");
        Refused("vocab.json", "the id of the token 'a'");
        Write("vocab.json", Vocabulary);
        Write("tokenizer_config.json", "{\"x\": " + new string('[', 100_000) + "}");
        Refused("tokenizer_config.json", "not valid JSON");
    }

    [Fact]
    public void AWrongLiteralIsNotRepeatedWhole()
    {
        Write("vocab.json", "{\"a\": t" + new string('x', 100_000) + "}");
        Write("merges.txt", "");
        var error = Assert.Throws<TokenizerException>(() => Gpt2Tokenizer.Load(_folder));
        Assert.InRange(error.Reason.Length, 1, 300);
        Assert.Contains("BytePositionInLine: 7", error.Reason);
    }

    [Fact]
    public void FileLargerThanAnyVocabularyIsNotRead()
    {
        using (var file = File.Create(Path.Combine(_folder, "vocab.json")))
        {
            // Sparse: it takes no room on the disk.
            file.SetLength(1L << 33);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        Refused("vocab.json", "at most");
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1_000_000);
    }

    [Fact]
    public void AddedTokensHaveTheirIdsAndAreTakenWhole()
    {
        Write("vocab.json", Vocabulary);
        Write("merges.txt", "a b");
        Write("added_tokens.json", """{"[PAD]": 4}""");
        Write("tokenizer_config.json", """
            {"added_tokens_decoder": {"3": {"content": "<|endoftext|>", "lstrip": false, "special": true}, "5": {"content": "[PAD]ab", "special": true}},
             "eos_token": {"content": "[PAD]", "__type": "AddedToken"}, "model_max_length": 1024, "nested": {"a": [1, {"b": null}]}}
            """);
        var tokenizer = Gpt2Tokenizer.Load(_folder);
        Assert.Equal((6, 4), (tokenizer.VocabSize, tokenizer.EndOfTextId));
        Assert.Equal([4, 0, 5, 3, 0], tokenizer.Encode("[PAD]a[PAD]ab<|endoftext|>a"));
        Assert.Equal("[PAD]a[PAD]ab", tokenizer.Decode([4, 0, 5]));
        Assert.Equal([0, 2], tokenizer.Encode("[PAD]a[PAD]ab", recognizeSpecialTokens: false));
    }

    [Theory]
    [InlineData("""{"[PAD]": 3}""", "'<|endoftext|>' and '[PAD]' have the same id 3")]
    [InlineData("""{"[PAD]": 5}""", "no token has the id 4")]
    [InlineData("""{"ab": 4}""", "id 4")]
    public void AddedTokensThatContradictTheVocabularyAreRefused(string added, string reason)
    {
        Write("vocab.json", Vocabulary);
        Write("merges.txt", "a b");
        Write("added_tokens.json", added);
        Refused("vocab.json", reason);
    }

    [Fact]
    public void TokensThatStripTheirSurroundingsAreRefusedByName()
    {
        Write("vocab.json", Vocabulary);
        Write("merges.txt", "a b");
        Write("tokenizer_config.json", """{"mask_token": {"content": "ab", "lstrip": true}}""");
        Refused("tokenizer_config.json", "lstrip");
    }

    [Fact]
    public void SpaceIsPutBeforeWhereTheConfigurationSaysSo()
    {
        foreach (var name in (string[])["vocab.json", "merges.txt"])
        {
            File.Copy(RepositoryFiles.Weights("gpt2-vocab", name), Path.Combine(_folder, name));
        }

        Write("tokenizer_config.json", """{"add_prefix_space": true}""");
        var tokenizer = Gpt2Tokenizer.Load(_folder);
        Assert.Equal(Tokenizers.Gpt2.Encode(" Hello"), tokenizer.Encode("Hello"));
        Assert.Equal(Tokenizers.Gpt2.Encode(" Hello"), tokenizer.Encode(" Hello"));
        Assert.Empty(tokenizer.Encode(""));
    }

    [Theory]
    [InlineData("\"a b\"")]
    [InlineData("[\"a\", \"b\"]")]
    public void OneFileTokenizerGivesTheSame(string merge)
    {
        Write("tokenizer.json", Json(merge));
        var tokenizer = Gpt2Tokenizer.Load(_folder);
        Assert.Equal([2, 0, 3, 4, 0], tokenizer.Encode("aba<|endoftext|>[PAD]a"));
        Assert.Equal("aba[PAD]", tokenizer.Decode([2, 0, 4]));
        Assert.Equal((5, 3), (tokenizer.VocabSize, tokenizer.EndOfTextId));
    }

    [Fact]
    public void WholeVocabularyInOneFileGivesHuggingFacesIds()
    {
        var vocabulary = File.ReadAllText(RepositoryFiles.Weights("gpt2-vocab", "vocab.json"));
        var merges = File.ReadLines(RepositoryFiles.Weights("gpt2-vocab", "merges.txt")).Skip(1).Where(line => line.Length > 0)
            .Select(line => line.Split(' ')).Select(pair => $"[\"{Escape(pair[0])}\",\"{Escape(pair[1])}\"]");
        Write("tokenizer.json", "{\"added_tokens\": [], \"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false}, \"model\": {\"type\": \"BPE\", \"vocab\": "
            + vocabulary + ", \"merges\": [" + string.Join(',', merges) + "]}}");
        var tokenizer = Gpt2Tokenizer.Load(_folder);
        Assert.All(Tokenizers.Fixtures, fixture => Assert.Equal(fixture.Ids, tokenizer.Encode(fixture.Text)));

        static string Escape(string token) => token.Replace("\\", "\\\\").Replace("\"", "\\\"");
    }

    [Theory]
    [InlineData("\"BPE\"", "\"Unigram\"", "model.type")]
    [InlineData("\"ByteLevel\"", "\"Metaspace\"", "pre_tokenizer.type")]
    [InlineData("\"normalizer\": null", "\"normalizer\": {\"type\": \"NFC\"}", "has a normalizer")]
    [InlineData("\"ignore_merges\": false", "\"ignore_merges\": true", "model.ignore_merges")]
    [InlineData("\"use_regex\": true", "\"use_regex\": false", "pre_tokenizer.use_regex")]
    [InlineData("\"dropout\": null", "\"dropout\": 0.1", "model.dropout")]
    [InlineData("\"lstrip\": false", "\"lstrip\": true", "lstrip")]
    [InlineData("\"id\": 4", "\"id\": 6", "no token has the id 4")]
    [InlineData("\"id\": 4", "\"id\": 2", "same id 2")]
    [InlineData("\"id\": 4", "\"id\": \"4\"", "an added token")]
    [InlineData("\"vocab\"", "\"vocabulary\"", "has no model.vocab")]
    [InlineData("\"ab\": 2", "\"ac\": 2", "merge 0")]
    [InlineData("[\"a b\"]", "[\"a b\", \"a b\"]", "merge 1 repeats")]
    [InlineData("[\"a b\"]", "[[\"a\", \"b\", \"c\"]]", "merge 0")]
    [InlineData("[\"a b\"]", "[[\"a\"]]", "merge 0")]
    [InlineData("[\"a b\"]", "[3]", "merge 0")]
    [InlineData("[\"a b\"]", "{}", "model.merges")]
    [InlineData("}}", "}", "not valid JSON")]
    public void AForeignOneFileTokenizerIsRefusedByName(string part, string instead, string reason)
    {
        var json = Json("\"a b\"");
        Assert.Contains(part, json);
        Write("tokenizer.json", json.Replace(part, instead));
        Refused("tokenizer.json", reason);
    }

    private static string Json(string merge) => """
        {"version": "1.0", "normalizer": null, "post_processor": {"type": "ByteLevel"},
         "added_tokens": [{"id": 3, "content": "<|endoftext|>", "special": true}, {"id": 4, "content": "[PAD]", "lstrip": false, "special": true}],
         "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
         "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "", "ignore_merges": false,
                   "vocab": {"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3}, "merges": [MERGE]}}
        """.Replace("MERGE", merge);

    [Fact]
    public void RandomlyDamagedFilesGiveATokenizerOrATypedError()
    {
        var random = new Random(5);
        var vocabulary = Encoding.UTF8.GetBytes(Vocabulary);
        var merges = Encoding.UTF8.GetBytes("#version: 0.2\na b\n");
        for (var round = 0; round < 600; round++)
        {
            File.WriteAllBytes(Path.Combine(_folder, "vocab.json"), Damage(vocabulary));
            File.WriteAllBytes(Path.Combine(_folder, "merges.txt"), Damage(merges));
            try
            {
                Gpt2Tokenizer.Load(_folder).Encode("abc");
            }
            catch (TokenizerException e)
            {
                Assert.StartsWith(_folder, e.File);
            }
        }

        byte[] Damage(byte[] bytes)
        {
            byte[] damaged = [.. bytes];
            for (var i = random.Next(3); i > 0; i--)
            {
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            }

            return random.Next(4) == 0 ? damaged[..random.Next(damaged.Length)] : damaged;
        }
    }

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_folder, name), text);

    private void Refused(string name, string reason)
    {
        var error = Assert.Throws<TokenizerException>(() => Gpt2Tokenizer.Load(_folder));
        Assert.Equal(Path.Combine(_folder, name), error.File);
        Assert.StartsWith(error.File, error.Message);
        Assert.Contains(reason, error.Reason);
    }
}
