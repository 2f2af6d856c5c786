using System.Buffers;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace TorchKv.Runtime.Text;

/// <summary>
/// GPT-2's byte-level BPE, set up from a model folder's <c>vocab.json</c> and <c>merges.txt</c>. It gives the ids of
/// HuggingFace's <c>GPT2Tokenizer</c> for any Unicode text. Any number of threads may use one.
/// </summary>
public sealed class Gpt2Tokenizer
{
    /// <summary>The token that ends a text, in GPT-2 and in every model made like it.</summary>
    public const string EndOfTextToken = "<|endoftext|>";

    // UTF-16 code units of the longest piece that the package's tokenizer gets. Its time grows with the square of them.
    internal const int LongestPackagePiece = 64;

    private static readonly Gpt2PreTokenizer s_split = new();

    private readonly BpeTokenizer _bpe;
    private readonly BytePairMerger _longPieces;
    private readonly byte[][] _bytes;
    private readonly bool[] _isSpecial;
    private readonly Dictionary<string, int> _ids;
    private readonly string[] _special;
    private readonly SearchValues<string> _specialSearch;
    private readonly bool _addPrefixSpace;

    private Gpt2Tokenizer(Dictionary<string, int> vocabulary, List<string> merges, Dictionary<string, int> added, int? endOfText, bool addPrefixSpace)
    {
        var options = new BpeOptions(vocabulary) { Merges = merges, ByteLevel = true, PreTokenizer = s_split };
        _bpe = BpeTokenizer.Create(options);
        _longPieces = new BytePairMerger(vocabulary, merges);
        _ids = vocabulary;
        _bytes = new byte[vocabulary.Count + added.Keys.Count(token => !vocabulary.ContainsKey(token))][];
        _isSpecial = new bool[_bytes.Length];
        foreach (var (token, id) in vocabulary)
        {
            _bytes[id] = ByteLevel.ToBytes(token);
        }

        foreach (var (token, id) in added)
        {
            _ids[token] = id;
            _bytes[id] = Encoding.UTF8.GetBytes(token);
            _isSpecial[id] = true;
        }

        // Longest first: of two that begin at one place the longer is taken.
        _special = [.. added.Keys.OrderByDescending(token => token.Length).ThenBy(token => token, StringComparer.Ordinal)];
        _specialSearch = SearchValues.Create(_special, StringComparison.Ordinal);
        _addPrefixSpace = addPrefixSpace;
        EndOfTextId = endOfText;
    }

    /// <summary>Number of token ids, added tokens included.</summary>
    public int VocabSize => _bytes.Length;

    /// <summary>The id that ends a text: the folder's <c>eos_token</c>, else <c>&lt;|endoftext|&gt;</c>; null where the vocabulary has neither.</summary>
    public int? EndOfTextId { get; }

    /// <summary>Whether a folder has a vocabulary to <see cref="Load"/>.</summary>
    public static bool Exists(string directory) =>
        File.Exists(Path.Combine(directory, "vocab.json")) || File.Exists(Path.Combine(directory, "tokenizer.json"));

    /// <summary>
    /// Reads a model folder: <c>vocab.json</c> and <c>merges.txt</c>, or where there is no <c>vocab.json</c>
    /// <c>tokenizer.json</c>; and, where they are, <c>added_tokens.json</c>, <c>special_tokens_map.json</c> and <c>tokenizer_config.json</c>.
    /// </summary>
    /// <param name="directory">The folder, in HuggingFace's layout.</param>
    /// <exception cref="TokenizerException">A file is missing or cannot be used; the message names it and says why.</exception>
    public static Gpt2Tokenizer Load(string directory)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        var file = Path.Combine(directory, "vocab.json");
        Dictionary<string, int> vocabulary;
        List<string> merges;
        var addedFile = Path.Combine(directory, "added_tokens.json");
        var added = File.Exists(addedFile) ? VocabularyFiles.ReadTokens(addedFile) : [];
        var addPrefixSpace = false;
        if (!File.Exists(file) && File.Exists(Path.Combine(directory, "tokenizer.json")))
        {
            file = Path.Combine(directory, "tokenizer.json");
            var json = TokenizerJson.Read(file);
            (vocabulary, merges, addPrefixSpace) = (json.Vocabulary, json.Merges, json.AddPrefixSpace);
            Add(added, json.Added, "tokenizer.json");
        }
        else
        {
            vocabulary = VocabularyFiles.ReadVocabulary(file);
            merges = VocabularyFiles.ReadMerges(Path.Combine(directory, "merges.txt"), vocabulary);
        }

        var config = VocabularyFiles.ReadSettings(Path.Combine(directory, "tokenizer_config.json"));
        var map = VocabularyFiles.ReadSettings(Path.Combine(directory, "special_tokens_map.json"));
        Add(added, config.AddedTokens, "tokenizer_config.json");
        VocabularyFiles.CheckIds(file, vocabulary, added);
        foreach (var token in config.SpecialTokens.Concat(map.SpecialTokens).Append(EndOfTextToken))
        {
            if (vocabulary.TryGetValue(token, out var id))
            {
                added.TryAdd(token, id);
            }
        }

        var eos = config.EosToken ?? map.EosToken ?? EndOfTextToken;
        int? endOfText = added.TryGetValue(eos, out var eosId) || added.TryGetValue(EndOfTextToken, out eosId) ? eosId : null;
        return new Gpt2Tokenizer(vocabulary, merges, added, endOfText, config.AddPrefixSpace ?? addPrefixSpace);

        void Add(Dictionary<string, int> known, Dictionary<string, int> more, string source)
        {
            foreach (var (token, id) in more)
            {
                if (!known.TryAdd(token, id) && known[token] != id)
                {
                    throw new TokenizerException(Path.Combine(directory, source), $"the added token '{VocabularyFiles.Shorten(token)}' has the id {id} here and {known[token]} in another file.");
                }
            }
        }
    }

    /// <summary>The ids of a text.</summary>
    /// <param name="text">Any text; a surrogate without its partner counts as U+FFFD.</param>
    /// <param name="recognizeSpecialTokens">
    /// Whether special tokens that the text spells out (<c>&lt;|endoftext|&gt;</c>) give their own id, as HuggingFace's tokenizer has it;
    /// false for text from a stranger, who then cannot end or begin anything.
    /// </param>
    public IReadOnlyList<int> Encode(string text, bool recognizeSpecialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        text = WellFormed(text);
        if (!recognizeSpecialTokens || text.AsSpan().IndexOfAny(_specialSearch) < 0)
        {
            return EncodeOrdinary(text);
        }

        var ids = new List<int>();
        var rest = text.AsSpan();
        while (!rest.IsEmpty)
        {
            var at = rest.IndexOfAny(_specialSearch);
            if (at != 0)
            {
                ids.AddRange(EncodeOrdinary(new string(at < 0 ? rest : rest[..at])));
            }

            if (at < 0)
            {
                break;
            }

            rest = rest[at..];
            foreach (var token in _special)
            {
                if (rest.StartsWith(token, StringComparison.Ordinal))
                {
                    ids.Add(_ids[token]);
                    rest = rest[token.Length..];
                    break;
                }
            }
        }

        return ids;
    }

    /// <summary>The text of ids. Bytes that are no UTF-8 give U+FFFD; ids that the vocabulary lacks give nothing, as with HuggingFace.</summary>
    /// <param name="ids">Token ids.</param>
    /// <param name="skipSpecialTokens">Whether special tokens are left out.</param>
    public string Decode(IEnumerable<int> ids, bool skipSpecialTokens = false)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var bytes = new ArrayBufferWriter<byte>();
        foreach (var id in ids)
        {
            if (!skipSpecialTokens || !IsSpecial(id))
            {
                bytes.Write(TokenBytes(id));
            }
        }

        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    /// <summary>The bytes that a token stands for: part of a character, or several; none where the vocabulary lacks the id.</summary>
    public ReadOnlySpan<byte> TokenBytes(int id) => (uint)id < (uint)_bytes.Length ? _bytes[id] : [];

    /// <summary>Whether an id is a special token's.</summary>
    public bool IsSpecial(int id) => (uint)id < (uint)_isSpecial.Length && _isSpecial[id];

    /// <summary>The id of a token, written as the vocabulary writes it ('Ġ' for a space).</summary>
    public bool TryGetId(string token, out int id) => _ids.TryGetValue(token, out id);

    private IReadOnlyList<int> EncodeOrdinary(string text)
    {
        if (_addPrefixSpace && text.Length > 0 && text[0] != ' ')
        {
            text = ' ' + text;
        }

        // The package stops at a byte that the vocabulary lacks, where HuggingFace's tokenizer leaves it out.
        if (_longPieces.HasEveryByte && !HasLongPiece(text))
        {
            return _bpe.EncodeToIds(text);
        }

        var ids = new List<int>();
        foreach (var (offset, length) in s_split.PreTokenize(text))
        {
            var piece = text.AsSpan(offset, length);
            if (_longPieces.HasEveryByte && length <= LongestPackagePiece)
            {
                ids.AddRange(_bpe.EncodeToIds(piece, considerPreTokenization: false));
            }
            else
            {
                _longPieces.Encode(piece, ids);
            }
        }

        return ids;
    }

    private static bool HasLongPiece(ReadOnlySpan<char> text)
    {
        while (text.Length > LongestPackagePiece)
        {
            var length = Gpt2PreTokenizer.PieceLength(text);
            if (length > LongestPackagePiece)
            {
                return true;
            }

            text = text[length..];
        }

        return false;
    }

    private static string WellFormed(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogate(text[i]) && !(char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1])))
            {
                return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
            }

            i += char.IsSurrogate(text[i]) ? 1 : 0;
        }

        return text;
    }
}
