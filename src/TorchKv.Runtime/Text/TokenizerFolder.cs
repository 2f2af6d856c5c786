namespace TorchKv.Runtime.Text;

/// <summary>
/// Reads a tokenizer from a model's folder as HuggingFace's default does. <c>tokenizer.json</c> comes first; where it
/// is missing, <c>vocab.json</c> with <c>merges.txt</c>. <c>added_tokens.json</c> and <c>tokenizer_config.json</c> add
/// to either, and <c>special_tokens_map.json</c> where <c>tokenizer_config.json</c> has no <c>added_tokens_decoder</c>.
/// </summary>
internal static class TokenizerFolder
{
    /// <summary>
    /// The <c>bos_token</c>, <c>eos_token</c> and <c>unk_token</c> of <c>GPT2Tokenizer</c> where no file names one.
    /// </summary>
    private static readonly AddedToken s_endOfText =
        new(Gpt2Tokenizer.EndOfTextToken, IsSpecial: true, IsNormalized: false);

    /// <summary>Whether a folder has a vocabulary.</summary>
    public static bool HasVocabulary(string directory) =>
        File.Exists(Path.Combine(directory, "tokenizer.json")) || File.Exists(Path.Combine(directory, "vocab.json"));

    /// <summary>Reads a folder's files.</summary>
    /// <exception cref="TokenizerException">
    /// A file is missing or cannot be used; the message names it and says why.
    /// </exception>
    public static TokenizerDefinition Read(string directory)
    {
        var definition = ReadVocabulary(directory, out var file);
        var config = VocabularyFiles.ReadSettings(Path.Combine(directory, "tokenizer_config.json"));
        var map = config.AddedTokens is null
            ? VocabularyFiles.ReadSettings(Path.Combine(directory, "special_tokens_map.json"))
            : new TokenizerSettings();
        var special = SpecialTokens(config, map);
        var added = new AddedVocabulary(file, definition.Vocabulary);
        AddListed(directory, [.. special.Select(token => token.Token.Content)], added);
        foreach (var (token, id) in definition.Added)
        {
            added.Add(token, id, file);
        }

        foreach (var (id, token) in config.AddedTokens ?? [])
        {
            added.Add(token, id, Path.Combine(directory, "tokenizer_config.json"));
        }

        added.CheckIds();
        added.AddSpecial(special);
        var end = Named("eos_token", config, map, out var eos) ? eos : s_endOfText;
        return definition with
        {
            Added = added.Tokens,
            AddPrefixSpace = config.AddPrefixSpace ?? definition.AddPrefixSpace,
            EndOfTextId = added.Tokens.Where(token => token.Token.Content == end?.Content)
                .Select(token => (int?)token.Id).SingleOrDefault(),
        };
    }

    private static TokenizerDefinition ReadVocabulary(string directory, out string file)
    {
        file = Path.Combine(directory, "tokenizer.json");
        if (File.Exists(file))
        {
            var json = TokenizerJson.Read(file);
            return new TokenizerDefinition
            {
                Vocabulary = json.Vocabulary,
                Merges = json.Merges,
                Added = json.Added,
                AddPrefixSpace = json.AddPrefixSpace,
                UnknownToken = json.UnknownToken,
                FuseUnknownTokens = json.FuseUnknownTokens,
            };
        }

        file = Path.Combine(directory, "vocab.json");
        var vocabulary = VocabularyFiles.ReadVocabulary(file);
        return new TokenizerDefinition
        {
            Vocabulary = vocabulary,
            Merges = VocabularyFiles.ReadMerges(Path.Combine(directory, "merges.txt"), vocabulary),
            Added = [],
        };
    }

    /// <summary>
    /// Adds the tokens of <c>added_tokens.json</c>. The file does not tell their kind: those that another file names as
    /// special are special.
    /// </summary>
    private static void AddListed(string directory, HashSet<string> special, AddedVocabulary added)
    {
        var file = Path.Combine(directory, "added_tokens.json");
        if (!File.Exists(file))
        {
            return;
        }

        foreach (var (content, id) in VocabularyFiles.ReadTokens(file))
        {
            if (content.Length > 0)
            {
                var isSpecial = special.Contains(content);
                added.Add(new AddedToken(content, isSpecial, IsNormalized: !isSpecial), id, file);
            }
        }
    }

    /// <summary>
    /// The special tokens in the order in which new ones get their ids: tokens with a standard name, tokens with a
    /// model's own name, tokens without a name.
    /// </summary>
    private static List<(AddedToken Token, bool IsDefault)> SpecialTokens(
        TokenizerSettings config, TokenizerSettings map)
    {
        // These classes have no special tokens but those that the files name.
        var hasDefaults = config.TokenizerClass is not ("PreTrainedTokenizerFast" or "TokenizersBackend");
        var tokens = new List<(AddedToken, bool)>();
        foreach (var name in TokenizerSettings.StandardNames)
        {
            if (Named(name, config, map, out var token))
            {
                Add(token, isDefault: false);
            }
            else if (hasDefaults && name is "bos_token" or "eos_token" or "unk_token")
            {
                Add(s_endOfText, isDefault: true);
            }
        }

        foreach (var (name, token) in config.Named.Concat(map.Named))
        {
            if (!TokenizerSettings.StandardNames.Contains(name))
            {
                Add(token, isDefault: false);
            }
        }

        foreach (var token in config.Extra.Concat(map.Extra))
        {
            Add(token, isDefault: false);
        }

        return tokens;

        void Add(AddedToken? token, bool isDefault)
        {
            if (token is not null)
            {
                tokens.Add((token, isDefault));
            }
        }
    }

    /// <summary>
    /// Finds a standard special token; null where a file unsets it. <c>special_tokens_map.json</c> decides where both
    /// files name one.
    /// </summary>
    private static bool Named(string name, TokenizerSettings config, TokenizerSettings map, out AddedToken? token) =>
        map.Named.TryGetValue(name, out token) || config.Named.TryGetValue(name, out token);
}
