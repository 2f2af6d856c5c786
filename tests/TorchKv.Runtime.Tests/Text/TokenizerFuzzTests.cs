using CsCheck;
using TorchKv.Runtime.Text;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Text;

/// <summary>Damaged files give a tokenizer with ids in its vocabulary, or a typed error that names a file.</summary>
public sealed class TokenizerFuzzTests : IDisposable
{
    private const string Vocabulary = """{"a": 0, "b": 1, "ab": 2, "\u0120": 3, "<u>": 4, "<|endoftext|>": 5}""";

    private const string OneFile = """
        {"version": "1.0", "truncation": null, "padding": null, "normalizer": null,
         "added_tokens": [{"id": 5, "content": "<|endoftext|>", "lstrip": false, "normalized": false, "special": true},
                          {"id": 6, "content": "ba", "normalized": true, "special": false}],
         "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
         "model": {"type": "BPE", "dropout": null, "unk_token": "<u>", "fuse_unk": false, "byte_fallback": false,
                   "continuing_subword_prefix": "", "end_of_word_suffix": "", "ignore_merges": false,
                   "vocab": VOCABULARY, "merges": ["a b"]}}
        """;

    private const string Settings = """
        {"add_prefix_space": false, "tokenizer_class": "GPT2Tokenizer", "eos_token": "<|endoftext|>",
         "bos_token": {"content": "<s>", "lstrip": false, "special": true}, "pad_token": "[P]", "unk_token": null,
         "image_token": "<i>", "extra_special_tokens": {"x": "<x>", "y": {"content": "<y>"}},
         "additional_special_tokens": ["<z>", {"content": "<w>", "normalized": true}], "model_max_length": 1024}
        """;

    private const string Decoder = """
        {"added_tokens_decoder": {"5": {"content": "<|endoftext|>", "special": true}, "6": {"content": "ba"}},
         "eos_token": "<|endoftext|>", "pad_token": "ba"}
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ADamagedOneFileTokenizerIsUsedOrRefused() =>
        Fuzz("tokenizer.json", OneFile.Replace("VOCABULARY", Vocabulary));

    [Fact]
    public void DamagedSettingsAreUsedOrRefused()
    {
        WriteVocabulary();
        Fuzz("tokenizer_config.json", Settings);
    }

    [Fact]
    public void ADamagedListOfAddedTokensIsUsedOrRefused()
    {
        WriteVocabulary();
        Fuzz("tokenizer_config.json", Decoder);
        File.Delete(_folder["tokenizer_config.json"]);
        Fuzz("added_tokens.json", """{"ba": 6, "<p>": 7, "\u0120x": 8}""");
    }

    [Fact]
    public void ADamagedSpecialTokensMapIsUsedOrRefused()
    {
        WriteVocabulary();
        Fuzz("special_tokens_map.json", Settings);
    }

    [Fact]
    public void ADamagedVocabularyIsUsedOrRefused()
    {
        WriteVocabulary();
        Fuzz("vocab.json", Vocabulary);
    }

    private void WriteVocabulary()
    {
        File.WriteAllText(_folder["vocab.json"], Vocabulary);
        File.WriteAllText(_folder["merges.txt"], "#version: 0.2\na b\n");
    }

    private void Fuzz(string file, string json)
    {
        const string text = " ab<|endoftext|>[P]ba<x><i>\u00E9 a\U0001F600";
        int used = 0, refused = 0;
        Gen.UInt.Array[1, 4].Sample(
            changes =>
            {
                File.WriteAllBytes(_folder[file], DamagedJson.Change(json, changes));
                Gpt2Tokenizer tokenizer;
                try
                {
                    tokenizer = Gpt2Tokenizer.Load(_folder.Path);
                }
                catch (TokenizerException error)
                {
                    refused++;
                    Assert.StartsWith(_folder.Path, error.File);
                    Assert.InRange(error.Message.Length, 1, 1_000);
                    return;
                }

                used++;
                foreach (var recognize in new[] { true, false })
                {
                    var ids = tokenizer.Encode(text, recognize);
                    Assert.All(ids, id => Assert.InRange(id, 0, tokenizer.VocabSize - 1));
                    Assert.NotNull(tokenizer.Decode(ids));
                }

                var all = Enumerable.Range(0, tokenizer.VocabSize);
                Assert.NotNull(tokenizer.Decode(all, skipSpecialTokens: true));
            },
            iter: 1_500,
            threads: 1);

        // Both outcomes occurred, so the damage reaches behind the first check.
        Assert.InRange(used, 20, int.MaxValue);
        Assert.InRange(refused, 20, int.MaxValue);
    }
}
