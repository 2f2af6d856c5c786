using System.Text.Json;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Text;

/// <summary>Which files decide, and which ids added and special tokens get; right is HuggingFace's default.</summary>
public sealed class TokenizerFolderTests : IDisposable
{
    private const string Vocabulary = """{"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3}""";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TheOneFileTokenizerDecidesOverVocabularyAndMerges()
    {
        var tokenizer = Gpt2Tokenizer.Load(RepositoryFiles.Fixture("reports", "t4"));
        Assert.Equal([259, 267, 120], tokenizer.Encode("hello<|user|>x"));
        Assert.Equal(268, tokenizer.VocabSize);
    }

    [Fact]
    public void TheOneFileTokenizerNeedsNoMergesFile()
    {
        _folder.CopyOf(RepositoryFiles.Fixture("reports", "t4"));
        File.Delete(_folder["merges.txt"]);
        Assert.Equal([259, 267], Gpt2Tokenizer.Load(_folder.Path).Encode("hello<|user|>"));
        File.Delete(_folder["vocab.json"]);
        Assert.Equal([259, 267], Gpt2Tokenizer.Load(_folder.Path).Encode("hello<|user|>"));
    }

    [Fact]
    public void SpecialTokensOnlyInTheMapGetTheNextId()
    {
        var tokenizer = Gpt2Tokenizer.Load(RepositoryFiles.Fixture("reports", "t3"));
        Assert.Equal([259, 267, 97], tokenizer.Encode("hello[PAD]a"));
        Assert.True(tokenizer.IsSpecial(267));
        Assert.Equal("helloa", tokenizer.Decode([259, 267, 97], skipSpecialTokens: true));
        Assert.Equal((268, 266), (tokenizer.VocabSize, tokenizer.EndOfTextId));
    }

    [Theory]
    [InlineData("""{"pad_token": "[PAD]"}""", "[PAD]")]
    [InlineData("""{"pad_token": {"__type": "AddedToken", "content": "[PAD]", "normalized": true}}""", "[PAD]")]
    [InlineData("""{"mask_token":"[M]", "sep_token":"[S]", "cls_token":"[C]", "pad_token":"[P]"}""", "[S][P][C][M]")]
    [InlineData("""{"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<u>"}""", "<s></s><u>")]
    [InlineData("""{"additional_special_tokens": ["[Y]", {"content": "[X]"}], "sep_token": "[S]"}""", "[S][Y][X]")]
    [InlineData("""{"extra_special_tokens": {"image": "<i>", "box": {"content": "<b>"}}}""", "<i><b>")]
    [InlineData("""{"extra_special_tokens": {"image": "<i>"}, "pad_token": "[P]"}""", "[P]<i>")]
    [InlineData("""{"extra_special_tokens": ["<x>"], "model_specific_special_tokens": {"i": "<i>"}}""", "<i><x>")]
    [InlineData("""{"model_specific_special_tokens": ["<l>"]}""", "<l>")]
    [InlineData("""{"audio_token": "<au>", "extra_special_tokens": ["<x>", "<x>"]}""", "<au><x>")]
    public void SpecialTokensWithoutIdsFollowHuggingFacesOrder(string json, string inOrder)
    {
        foreach (var file in new[] { "tokenizer_config.json", "special_tokens_map.json" })
        {
            using var folder = new TemporaryFolder();
            File.WriteAllText(folder["vocab.json"], Vocabulary);
            File.WriteAllText(folder["merges.txt"], "a b");
            File.WriteAllText(folder[file], json);
            var tokenizer = Gpt2Tokenizer.Load(folder.Path);
            var ids = tokenizer.Encode(inOrder);
            Assert.Equal(Enumerable.Range(4, inOrder.Split('<', '[').Length - 1), ids);
            Assert.Equal(4 + ids.Count, tokenizer.VocabSize);
            Assert.All(ids, id => Assert.True(tokenizer.IsSpecial(id)));
            Assert.Equal("", tokenizer.Decode(ids, skipSpecialTokens: true));
        }
    }

    [Fact]
    public void NewSpecialTokensFollowTheAddedTokensOfAllFiles()
    {
        Write("tokenizer.json", OneFile("""{"id": 4, "content": "new", "special": false}"""));
        Write("tokenizer_config.json", """
            {"added_tokens_decoder": {"4": {"content": "new"}, "5": {"content": "<p>", "special": true}},
             "pad_token": "<p>", "sep_token": "<s>"}
            """);
        Assert.Equal([4, 5, 6], Gpt2Tokenizer.Load(_folder.Path).Encode("new<p><s>"));
    }

    [Fact]
    public void TheMapOverrulesAConfigurationWithoutAddedTokens()
    {
        WriteVocabulary();
        Write("special_tokens_map.json", """{"eos_token": "<m>"}""");
        Write("tokenizer_config.json", """{"eos_token": "<c>"}""");
        Assert.Equal([4], Gpt2Tokenizer.Load(_folder.Path).Encode("<m>"));
        Assert.Equal(4, Gpt2Tokenizer.Load(_folder.Path).EndOfTextId);

        Write("tokenizer_config.json", """
            {"eos_token": "<c>", "added_tokens_decoder": {"3": {"content": "<|endoftext|>", "special": true}}}
            """);
        var tokenizer = Gpt2Tokenizer.Load(_folder.Path);
        Assert.Equal([4], tokenizer.Encode("<c>"));
        Assert.Empty(tokenizer.Encode("<m>"));
    }

    [Fact]
    public void AnUnnamedEndOfTextTakesTheFirstFreeId()
    {
        Write("vocab.json", """{"a": 0}""");
        Write("merges.txt", "");
        Write("special_tokens_map.json", """{"pad_token": "[P]"}""");
        var tokenizer = Gpt2Tokenizer.Load(_folder.Path);
        Assert.Equal([1, 2], tokenizer.Encode("<|endoftext|>[P]"));
        Assert.Equal(1, tokenizer.EndOfTextId);

        // This class assumes no token that its files do not name.
        Write("tokenizer_config.json", """{"tokenizer_class": "PreTrainedTokenizerFast"}""");
        Assert.Equal([1], Gpt2Tokenizer.Load(_folder.Path).Encode("[P]"));
        Assert.Null(Gpt2Tokenizer.Load(_folder.Path).EndOfTextId);
    }

    [Fact]
    public void AnEndOfTextThatIsUnsetIsNone()
    {
        WriteVocabulary();
        Write("tokenizer_config.json", """{"eos_token": null, "bos_token": null, "unk_token": null}""");
        var tokenizer = Gpt2Tokenizer.Load(_folder.Path);
        Assert.Null(tokenizer.EndOfTextId);
        Assert.False(tokenizer.IsSpecial(3));
    }

    [Theory]
    [InlineData("t13")]
    [InlineData("t16")]
    public void AddedTokensThatAreNotSpecialAreText(string report)
    {
        var tokenizer = Gpt2Tokenizer.Load(RepositoryFiles.Fixture("reports", report));
        Assert.Equal([97, 32, 267, 266], tokenizer.Encode("a newword<|endoftext|>"));
        Assert.Equal("a newword", tokenizer.Decode([97, 32, 267, 266], skipSpecialTokens: true));
        Assert.False(tokenizer.IsSpecial(267));

        var plain = tokenizer.Encode("newword<|endoftext|>", recognizeSpecialTokens: false);
        Assert.Equal(267, plain[0]);
        Assert.DoesNotContain(266, plain);
        Assert.Equal("newword<|endoftext|>", tokenizer.Decode(plain));

        var detokenizer = new IncrementalDetokenizer(tokenizer, skipSpecialTokens: true);
        Assert.Equal("newword", detokenizer.Append(267) + detokenizer.Append(266) + detokenizer.Finish());
    }

    [Fact]
    public void UnknownBytesGiveTheUnknownToken()
    {
        var tokenizer = Gpt2Tokenizer.Load(RepositoryFiles.Fixture("reports", "t9b"));
        Assert.Equal([8, 4, 9, 3, 9, 2, 9], tokenizer.Encode("hello world"));
    }

    [Fact]
    public void AnUnknownTokenOutsideTheVocabularyIsRefusedIfNeeded()
    {
        Write("tokenizer.json", OneFile("").Replace("\"type\": \"BPE\"", "\"type\": \"BPE\", \"unk_token\": \"<u>\""));
        var error = Assert.Throws<TokenizerException>(() => Gpt2Tokenizer.Load(_folder.Path));
        Assert.Contains("model.unk_token", error.Reason);

        var whole = File.ReadAllText(RepositoryFiles.Fixture("reports", "t13", "tokenizer.json"));
        Write("tokenizer.json", whole.Replace("\"unk_token\": null", "\"unk_token\": \"<u>\""));
        Assert.Equal([97, 195, 169], Gpt2Tokenizer.Load(_folder.Path).Encode("a\u00E9"));
    }

    [Theory]
    [InlineData("\"pre_tokenizer\": null,")]
    [InlineData("")]
    [InlineData("\"pre_tokenizer\": {},")]
    public void AMissingPreTokenizerIsRefusedByName(string preTokenizer)
    {
        const string Right = "\"pre_tokenizer\": {\"type\": \"ByteLevel\"},";
        Assert.Contains(Right, OneFile(""));
        Write("tokenizer.json", OneFile("").Replace(Right, preTokenizer));
        var error = Assert.Throws<TokenizerException>(() => Gpt2Tokenizer.Load(_folder.Path));
        Assert.Contains("pre_tokenizer", error.Reason);
        Assert.Contains("ByteLevel", error.Reason);
    }

    [Fact]
    public void RandomOneFileTokenizersGiveHuggingFacesIdsAndTexts()
    {
        // PreTrainedTokenizerFast: the file alone, without the tokens that GPT2Tokenizer assumes.
        Write("tokenizer_config.json", """{"tokenizer_class": "PreTrainedTokenizerFast"}""");
        var texts = 0;
        foreach (var line in File.ReadLines(RepositoryFiles.Fixture("reports", "tokenizer-json-cases.jsonl")))
        {
            using var json = JsonDocument.Parse(line);
            Write("tokenizer.json", json.RootElement.GetProperty("tokenizer").GetRawText());
            var tokenizer = Gpt2Tokenizer.Load(_folder.Path);
            foreach (var text in json.RootElement.GetProperty("texts").EnumerateArray())
            {
                int[] ids = [.. text.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
                Assert.Equal(ids, tokenizer.Encode(text.GetProperty("text").GetString()!));
                Assert.Equal(text.GetProperty("decoded").GetString(), tokenizer.Decode(ids));
                Assert.Equal(text.GetProperty("skipped").GetString(), tokenizer.Decode(ids, skipSpecialTokens: true));
                texts++;
            }
        }

        Assert.Equal(240, texts);
    }

    [Fact]
    public void ATokenizerThatCannotBeUsedGivesItsReason()
    {
        var wordPieces = RepositoryFiles.Fixture("reports", "c-wp");
        Assert.False(Gpt2Tokenizer.TryLoad(wordPieces, out var tokenizer, out var reason));
        Assert.Null(tokenizer);
        Assert.Contains("tokenizer.json", reason);
        Assert.Contains("ByteLevel", reason);

        Assert.False(Gpt2Tokenizer.TryLoad(_folder.Path, out _, out var none));
        Assert.Contains(_folder.Path, none);
        Assert.True(Gpt2Tokenizer.TryLoad(RepositoryFiles.Fixture("reports", "t3"), out var usable, out var noReason));
        Assert.Equal((268, null), (usable.VocabSize, noReason));
    }

    [Fact]
    public void ATokenWithoutARowInTheModelIsRefused()
    {
        var tokenizer = Gpt2Tokenizer.Load(RepositoryFiles.Fixture("reports", "t3"));
        var model = new ModelShape { VocabSize = 267, ContextLength = 8, LayerCount = 1, HeadCount = 1, HeadDim = 4 };
        Assert.Equal([259, 266], tokenizer.Encode("hello<|endoftext|>", model));
        var error = Assert.Throws<RequestException>(() => tokenizer.Encode("hello[PAD]", model));
        Assert.Contains("\"[PAD]\"", error.Message);
        Assert.Contains("267 ids, 0 to 266", error.Message);
        Assert.Equal(267, tokenizer.Encode("hello[PAD]", model with { VocabSize = 268 })[1]);
        Assert.DoesNotContain(267, tokenizer.Encode("hello[PAD]", model, recognizeSpecialTokens: false));
    }

    [Fact]
    public void AGitLfsPointerInAFilesPlaceIsNamed()
    {
        _folder.CopyOf(RepositoryFiles.Fixture("reports", "t4"));
        Write("tokenizer.json", "version https://git-lfs.github.com/spec/v1\noid sha256:248dfc39\nsize 1355256\n");
        var error = Assert.Throws<TokenizerException>(() => Gpt2Tokenizer.Load(_folder.Path));
        Assert.Contains("Git LFS pointer", error.Reason);
        Assert.Contains("git lfs pull", error.Reason);
    }

    [Fact]
    public void TwoHundredThousandAddedTokensAreFound()
    {
        WriteVocabulary();
        var tokens = Enumerable.Range(0, 200_000).Select(i => $"\"<t{i}>\":{i + 4}");
        Write("added_tokens.json", "{" + string.Join(',', tokens) + "}");
        var tokenizer = Gpt2Tokenizer.Load(_folder.Path);
        Assert.Equal(200_004, tokenizer.VocabSize);
        Assert.Equal([4, 2, 200_003, 3], tokenizer.Encode("<t0>ab<t199999><|endoftext|>"));
    }

    [Fact]
    public void AddedTokensLongerThanTheLimitAreRefused()
    {
        WriteVocabulary();
        Write("added_tokens.json", $"{{\"{new string('x', (1 << 23) + 1)}\":4}}");
        Assert.Contains("8,388,608", Assert.Throws<TokenizerException>(() => Gpt2Tokenizer.Load(_folder.Path)).Reason);
    }

    [Fact]
    public void AVocabularyIsItsTokensBytes()
    {
        ITokenVocabulary vocabulary = Gpt2Tokenizer.Load(RepositoryFiles.Fixture("reports", "t3"));
        Assert.Equal(268, vocabulary.Count);
        Assert.Equal(" world"u8, vocabulary.TokenBytes(264));
        Assert.Equal("[PAD]"u8, vocabulary.TokenBytes(267));
        Assert.True(vocabulary.IsSpecial(266));
        Assert.True(vocabulary.TokenBytes(268).IsEmpty);
    }

    private static string OneFile(string added) => """
        {"added_tokens": [ADDED], "pre_tokenizer": {"type": "ByteLevel"},
         "model": {"type": "BPE", "vocab": VOCAB, "merges": ["a b"]}}
        """.Replace("ADDED", added).Replace("VOCAB", Vocabulary);

    private void WriteVocabulary()
    {
        Write("vocab.json", Vocabulary);
        Write("merges.txt", "a b");
    }

    private void Write(string name, string text) => File.WriteAllText(_folder[name], text);
}
