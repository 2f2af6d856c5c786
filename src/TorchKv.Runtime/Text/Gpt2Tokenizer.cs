using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Microsoft.ML.Tokenizers;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Text;

/// <summary>
/// GPT-2's byte-level BPE, set up from the files of a model's folder. It gives the ids of HuggingFace's
/// <c>GPT2Tokenizer</c> for any Unicode text. Any number of threads may use one.
/// </summary>
public sealed class Gpt2Tokenizer : ITokenVocabulary
{
    /// <summary>The token that ends a text, in GPT-2 and in every model made like it.</summary>
    public const string EndOfTextToken = "<|endoftext|>";

    /// <summary>
    /// UTF-16 code units of the longest piece that the package's tokenizer gets: its time grows with the square of a
    /// piece's length.
    /// </summary>
    internal const int LongestPackagePiece = 64;

    private static readonly Gpt2PreTokenizer s_split = new();

    private readonly BpeTokenizer _bpe;
    private readonly BytePairMerger _ownMerges;
    private readonly byte[][] _bytes;
    private readonly bool[] _isSpecial;
    private readonly bool _addPrefixSpace;

    // At most two, as in HuggingFace's: the second looks between the matches of the first.
    private readonly AddedTokenSearch[] _searches;

    private Gpt2Tokenizer(TokenizerDefinition definition)
    {
        var vocabulary = definition.Vocabulary;
        _bpe = BpeTokenizer.Create(new BpeOptions(vocabulary)
        {
            Merges = definition.Merges,
            ByteLevel = true,
            PreTokenizer = s_split,
        });
        int? unknown = definition.UnknownToken is { } token ? vocabulary[token] : null;
        _ownMerges = new BytePairMerger(vocabulary, definition.Merges, unknown, definition.FuseUnknownTokens);
        var beyond = definition.Added.Count(added => !vocabulary.ContainsKey(added.Token.Content));
        _bytes = new byte[vocabulary.Count + beyond][];
        _isSpecial = new bool[_bytes.Length];
        foreach (var (added, id) in definition.Added)
        {
            _bytes[id] = Encoding.UTF8.GetBytes(added.Content);
            _isSpecial[id] = added.IsSpecial;
        }

        foreach (var (written, id) in vocabulary)
        {
            _bytes[id] = ByteLevel.ToBytes(written);
        }

        _searches =
        [
            .. definition.Added.GroupBy(token => token.Token.IsNormalized).OrderBy(group => group.Key)
                .Select(group => new AddedTokenSearch(group)),
        ];
        _addPrefixSpace = definition.AddPrefixSpace;
        EndOfTextId = definition.EndOfTextId;
    }

    /// <summary>Number of token ids, added tokens included.</summary>
    public int VocabSize => _bytes.Length;

    /// <summary>
    /// The id that ends a text: the folder's <c>eos_token</c>, else <c>&lt;|endoftext|&gt;</c>; null where there is
    /// neither.
    /// </summary>
    public int? EndOfTextId { get; }

    /// <inheritdoc/>
    int ITokenVocabulary.Count => VocabSize;

    /// <summary>
    /// Whether a folder has a vocabulary to <see cref="Load"/>: <c>tokenizer.json</c> or <c>vocab.json</c>.
    /// </summary>
    public static bool Exists(string directory) => TokenizerFolder.HasVocabulary(directory);

    /// <summary>
    /// Reads a model's folder as HuggingFace does by default: <c>tokenizer.json</c> or, where it is missing,
    /// <c>vocab.json</c> and <c>merges.txt</c>; then the added tokens of <c>added_tokens.json</c> and
    /// <c>tokenizer_config.json</c>; then, where <c>tokenizer_config.json</c> has no <c>added_tokens_decoder</c>,
    /// <c>special_tokens_map.json</c>. Special tokens that are named there and have no id get the next ids.
    /// </summary>
    /// <param name="directory">The folder, in HuggingFace's layout.</param>
    /// <exception cref="TokenizerException">
    /// A file is missing or cannot be used; the message names it and says why.
    /// </exception>
    public static Gpt2Tokenizer Load(string directory)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        return new Gpt2Tokenizer(TokenizerFolder.Read(directory));
    }

    /// <summary>Reads a model's folder where a model can be used without its tokenizer, through token ids.</summary>
    /// <param name="directory">The folder, in HuggingFace's layout.</param>
    /// <param name="tokenizer">The tokenizer; null where the folder has none that can be used.</param>
    /// <param name="reason">
    /// Why there is none, as a sentence that names the file or the folder; null where there is one.
    /// </param>
    public static bool TryLoad(
        string directory, [NotNullWhen(true)] out Gpt2Tokenizer? tokenizer, [NotNullWhen(false)] out string? reason)
    {
        (tokenizer, reason) = (null, null);
        if (!Exists(directory))
        {
            reason = $"{directory}: there is no tokenizer, neither tokenizer.json nor vocab.json.";
            return false;
        }

        try
        {
            tokenizer = Load(directory);
            return true;
        }
        catch (TokenizerException error)
        {
            reason = error.Message;
            return false;
        }
    }

    /// <summary>The ids of a text.</summary>
    /// <param name="text">Any text; a surrogate without its partner counts as U+FFFD.</param>
    /// <param name="recognizeSpecialTokens">
    /// Whether special tokens that the text spells out (<c>&lt;|endoftext|&gt;</c>) give their own id, as in
    /// HuggingFace's tokenizer. False for untrusted text, which then cannot end or begin anything. Added tokens that
    /// are not special are text and are found either way.
    /// </param>
    public IReadOnlyList<int> Encode(string text, bool recognizeSpecialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        text = WellFormed(text);
        var ids = new List<int>();
        Encode(text, _searches, recognizeSpecialTokens, ids);
        return ids;
    }

    /// <summary>
    /// The ids of a text for a model; the same as without it, each checked against the model's vocabulary.
    /// </summary>
    /// <param name="text">Any text; a surrogate without its partner counts as U+FFFD.</param>
    /// <param name="model">The model's shape.</param>
    /// <param name="recognizeSpecialTokens">Whether special tokens that the text spells out give their own id.</param>
    /// <exception cref="RequestException">
    /// The text holds a token for which the model has no row, such as one that was added to the tokenizer alone; the
    /// message names the token, its id and the size of the model's vocabulary.
    /// </exception>
    public IReadOnlyList<int> Encode(string text, ModelShape model, bool recognizeSpecialTokens = true)
    {
        var ids = Encode(text, recognizeSpecialTokens);
        foreach (var id in ids)
        {
            if (id >= model.VocabSize)
            {
                var token = VocabularyFiles.Shorten(Encoding.UTF8.GetString(TokenBytes(id)));
                throw new RequestException(
                    $"The text holds the token \"{token}\" with the id {id}, but the model's vocabulary has "
                    + $"{model.VocabSize} ids, 0 to {model.VocabSize - 1}: the model was not made for this token.");
            }
        }

        return ids;
    }

    /// <summary>
    /// The text of ids. Bytes that are no UTF-8 give U+FFFD; ids that the vocabulary lacks give nothing, as with
    /// HuggingFace.
    /// </summary>
    /// <param name="ids">Token ids.</param>
    /// <param name="skipSpecialTokens">
    /// Whether special tokens are left out; added tokens that are not special are text.
    /// </param>
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

    /// <inheritdoc/>
    public ReadOnlySpan<byte> TokenBytes(int id) => (uint)id < (uint)_bytes.Length ? _bytes[id] : [];

    /// <inheritdoc/>
    public bool IsSpecial(int id) => (uint)id < (uint)_isSpecial.Length && _isSpecial[id];

    private void Encode(
        string text, ReadOnlySpan<AddedTokenSearch> searches, bool recognizeSpecialTokens, List<int> ids)
    {
        if (searches.IsEmpty)
        {
            ids.AddRange(EncodeOrdinary(text));
            return;
        }

        foreach (var (part, id) in searches[0].Split(text, recognizeSpecialTokens))
        {
            if (id >= 0)
            {
                ids.Add(id);
            }
            else
            {
                Encode(part, searches[1..], recognizeSpecialTokens, ids);
            }
        }
    }

    private IReadOnlyList<int> EncodeOrdinary(string text)
    {
        if (_addPrefixSpace && text.Length > 0 && text[0] != ' ')
        {
            text = ' ' + text;
        }

        // The package stops at a byte that the vocabulary lacks, where HuggingFace's tokenizer leaves it out or says
        // unknown.
        if (_ownMerges.HasEveryByte && !HasLongPiece(text))
        {
            return _bpe.EncodeToIds(text);
        }

        var ids = new List<int>();
        foreach (var (offset, length) in s_split.PreTokenize(text))
        {
            var piece = text.AsSpan(offset, length);
            if (_ownMerges.HasEveryByte && length <= LongestPackagePiece)
            {
                ids.AddRange(_bpe.EncodeToIds(piece, considerPreTokenization: false));
            }
            else
            {
                _ownMerges.Encode(piece, ids);
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
            if (char.IsSurrogate(text[i]))
            {
                if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
                {
                    return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
                }

                i++;
            }
        }

        return text;
    }
}
