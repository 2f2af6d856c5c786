using System.Buffers;
using System.Text;

namespace Microsoft.ML.Tokenizers;

/// <summary>Byte-pair encoding (Sennrich et al. 2016), byte-level as GPT-2's or over characters. Any number of threads may use one.</summary>
public sealed partial class BpeTokenizer : Tokenizer
{
    private readonly Dictionary<string, int> _vocabulary = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _vocabularyBySpan;
    private readonly Dictionary<int, string> _tokens = [];
    private readonly Dictionary<int, string> _specialTokensById = [];
    private readonly BytePairMerger _merger = new();
    private readonly PieceCache _cache = new();

    // Id of the token that stands for a byte alone; -1 where the vocabulary lacks it.
    private readonly int[] _byteIds = new int[256];
    private readonly int? _unknownId;

    private BpeTokenizer(BpeOptions options)
    {
        if (options.Vocabulary.TryGetNonEnumeratedCount(out var count))
        {
            _vocabulary.EnsureCapacity(count);
            _tokens.EnsureCapacity(count);
            _merger.EnsureCapacity(count);
        }

        foreach (var (token, id) in options.Vocabulary)
        {
            _vocabulary.Add(token, id);
            _tokens.Add(id, token);
        }

        if (_vocabulary.Count == 0)
        {
            throw new InvalidOperationException("The vocabulary cannot be empty.");
        }

        _vocabularyBySpan = _vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        ByteLevel = options.ByteLevel;
        FuseUnknownTokens = options.FuseUnknownTokens;
        Normalizer = options.Normalizer;
        PreTokenizer = options.PreTokenizer ?? PreTokenizer.CreateWordOrNonWord();
        SpecialTokens = options.SpecialTokens;
        foreach (var (token, id) in SpecialTokens ?? new Dictionary<string, int>())
        {
            _specialTokensById.Add(id, token);
        }

        if (options.UnknownToken is { } unknownToken)
        {
            UnknownToken = unknownToken;
            _unknownId = _vocabulary.TryGetValue(unknownToken, out var id)
                ? id
                : throw new InvalidOperationException($"Unknown Token '{unknownToken}' was not present in '{nameof(Vocabulary)}'.");
        }

        for (var value = 0; value < 256; value++)
        {
            _byteIds[value] = _vocabularyBySpan.TryGetValue([ByteEncoding.ToCharacter((byte)value)], out var id) ? id : -1;
        }

        foreach (var merge in options.Merges ?? [])
        {
            AddMerge(merge);
        }
    }

    /// <summary>The vocabulary, token → id.</summary>
    public IReadOnlyDictionary<string, int> Vocabulary => _vocabulary;

    /// <summary>Tokens that are taken whole where the pre-tokenizer leaves them whole.</summary>
    public IReadOnlyDictionary<string, int>? SpecialTokens { get; }

    /// <summary>Stands for characters that the vocabulary lacks; null: they are dropped.</summary>
    public string? UnknownToken { get; }

    /// <summary>Whether several unknown characters in a row give one token.</summary>
    public bool FuseUnknownTokens { get; }

    /// <summary>Whether tokens are made of UTF-8 bytes.</summary>
    public bool ByteLevel { get; }

    /// <inheritdoc/>
    public override PreTokenizer? PreTokenizer { get; }

    /// <inheritdoc/>
    public override Normalizer? Normalizer { get; }

    /// <summary>A tokenizer.</summary>
    /// <exception cref="ArgumentException">A token, an id or a merge is there twice.</exception>
    /// <exception cref="InvalidOperationException">The vocabulary is empty, or a merge does not join two of its tokens to a third.</exception>
    public static BpeTokenizer Create(BpeOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new BpeTokenizer(options);
    }

    /// <inheritdoc/>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var tokens = new List<EncodedToken>();
        var results = new EncodeResults<EncodedToken> { Tokens = tokens };
        if (!TrySplit(text, textSpan, settings, out var pieces, out var input, out var normalizedText))
        {
            return results;
        }

        foreach (var (offset, length) in pieces)
        {
            AddTokens(input.Slice(offset, length), offset, tokens);
        }

        return results with { NormalizedText = normalizedText, CharsConsumed = input.Length };
    }

    /// <inheritdoc/>
    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var ids = new List<int>();
        var charsConsumed = Encode(text, textSpan, settings, ids, out _, out var normalizedText);
        return new EncodeResults<int> { Tokens = ids, NormalizedText = normalizedText, CharsConsumed = charsConsumed };
    }

    /// <inheritdoc/>
    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        Encode(text, textSpan, settings, ids: null, out var count, out _);
        return count;
    }

    /// <inheritdoc/>
    protected override int GetIndexByTokenCount(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings, bool fromEnd, out string? normalizedText, out int tokenCount)
    {
        if (!fromEnd)
        {
            return Encode(text, textSpan, settings, ids: null, out tokenCount, out normalizedText);
        }

        CheckLimit(settings.MaxTokenCount);
        tokenCount = 0;
        if (!TrySplit(text, textSpan, settings, out var pieces, out var input, out normalizedText))
        {
            return 0;
        }

        foreach (var (offset, length) in pieces.Reverse())
        {
            var span = input.Slice(offset, length);
            var piece = Encode(span);
            var wanted = Math.Min(piece.Ids.Length, settings.MaxTokenCount - tokenCount);
            tokenCount += wanted;
            var start = wanted == piece.Ids.Length ? 0 : CharIndex(span, piece, piece.Lengths.SkipLast(wanted).Sum());
            if (start > 0 || tokenCount >= settings.MaxTokenCount)
            {
                return offset + start;
            }
        }

        return 0;
    }

    private void AddMerge(string merge)
    {
        ArgumentNullException.ThrowIfNull(merge);
        if (!BpeOptions.IsPair(merge))
        {
            throw new InvalidOperationException("Invalid merger file format");
        }

        var space = merge.IndexOf(' ');
        Span<char> joined = merge.Length <= 256 ? stackalloc char[256] : new char[merge.Length];
        merge.AsSpan(0, space).CopyTo(joined);
        merge.AsSpan(space + 1).CopyTo(joined[space..]);
        _merger.Add(IdOf(merge.AsSpan(0, space)), IdOf(merge.AsSpan(space + 1)), IdOf(joined[..(merge.Length - 1)]));

        int IdOf(ReadOnlySpan<char> token) => _vocabularyBySpan.TryGetValue(token, out var id)
            ? id
            : throw new InvalidOperationException($"Trying to merge a token '{token}' which not exist in the vocabulary.");
    }

    /// <summary>Encodes up to the settings' limit; returns how much of the text the ids stand for.</summary>
    private int Encode(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings, List<int>? ids, out int count, out string? normalizedText)
    {
        CheckLimit(settings.MaxTokenCount);
        count = 0;
        if (!TrySplit(text, textSpan, settings, out var pieces, out var input, out normalizedText))
        {
            return 0;
        }

        var charsConsumed = 0;
        foreach (var (offset, length) in pieces)
        {
            var span = input.Slice(offset, length);
            var piece = Encode(span);
            var wanted = Math.Min(piece.Ids.Length, settings.MaxTokenCount - count);
            ids?.AddRange(piece.Ids.AsSpan(0, wanted));
            count += wanted;
            var consumed = wanted == piece.Ids.Length ? length : CharIndex(span, piece, piece.Lengths.Take(wanted).Sum());
            charsConsumed = offset + consumed;
            if (consumed < length || count >= settings.MaxTokenCount)
            {
                break;
            }
        }

        return charsConsumed;
    }

    private bool TrySplit(
        string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings, out IEnumerable<(int Offset, int Length)> pieces, out ReadOnlySpan<char> input, out string? normalizedText)
    {
        pieces = [];
        normalizedText = null;
        input = text is null ? textSpan : text;
        if (input.IsEmpty)
        {
            return false;
        }

        if (settings.ConsiderNormalization && Normalizer is not null)
        {
            text = normalizedText = text is null ? Normalizer.Normalize(textSpan) : Normalizer.Normalize(text);
            input = text;
        }

        var whole = settings.ConsiderPreTokenization ? PreTokenizer : null;
        pieces = whole is null ? [(0, input.Length)] : text is null ? whole.PreTokenize(input) : whole.PreTokenize(text);
        return true;
    }

    private Piece Encode(ReadOnlySpan<char> text)
    {
        if (_cache.Find(text) is { } known)
        {
            return known;
        }

        var key = text.ToString();
        var piece = SpecialTokens is not null && SpecialTokens.TryGetValue(key, out var specialId)
            ? new Piece(key, [specialId], [key.Length], IsSpecial: true)
            : EncodeNew(key);
        _cache.Keep(piece);
        return piece;
    }

    private Piece EncodeNew(string text)
    {
        var size = ByteLevel ? Encoding.UTF8.GetMaxByteCount(text.Length) : text.Length;
        var ids = ArrayPool<int>.Shared.Rent(size);
        var lengths = ArrayPool<int>.Shared.Rent(size);
        try
        {
            var symbols = new SymbolList(ids, lengths, _unknownId, FuseUnknownTokens);
            if (ByteLevel)
            {
                AddBytes(text, ref symbols);
            }
            else
            {
                AddCharacters(text, ref symbols);
            }

            var count = _merger.Merge(ids.AsSpan(0, symbols.Count), lengths.AsSpan(0, symbols.Count));
            return new Piece(text, ids[..count], lengths[..count], IsSpecial: false);
        }
        finally
        {
            ArrayPool<int>.Shared.Return(ids);
            ArrayPool<int>.Shared.Return(lengths);
        }
    }

    private void AddBytes(string text, ref SymbolList symbols)
    {
        var size = Encoding.UTF8.GetMaxByteCount(text.Length);
        var bytes = ArrayPool<byte>.Shared.Rent(size);
        var origins = ArrayPool<int>.Shared.Rent(size);
        foreach (var value in bytes.AsSpan(0, ByteEncoding.GetBytes(text, bytes, origins)))
        {
            symbols.Add(_byteIds[value] < 0 ? null : _byteIds[value], 1);
        }

        ArrayPool<byte>.Shared.Return(bytes);
        ArrayPool<int>.Shared.Return(origins);
    }

    private void AddCharacters(string text, ref SymbolList symbols)
    {
        for (var i = 0; i < text.Length;)
        {
            var length = i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]) ? 2 : 1;
            symbols.Add(_vocabularyBySpan.TryGetValue(text.AsSpan(i, length), out var id) ? id : null, length);
            i += length;
        }
    }

    private void AddTokens(ReadOnlySpan<char> text, int offset, List<EncodedToken> tokens)
    {
        var piece = Encode(text);
        if (piece.IsSpecial)
        {
            tokens.Add(new EncodedToken(piece.Ids[0], piece.Text, new Range(offset, offset + text.Length)));
            return;
        }

        var origins = ByteLevel ? Origins(text) : null;
        var start = 0;
        for (var i = 0; i < piece.Ids.Length; i++)
        {
            var end = start + piece.Lengths[i];
            var range = origins is null ? new Range(offset + start, offset + end) : new Range(offset + origins[start], offset + origins[end - 1] + 1);
            tokens.Add(new EncodedToken(piece.Ids[i], _tokens[piece.Ids[i]], range));
            start = end;
        }
    }

    /// <summary>The UTF-16 index in a piece after so many of its symbols.</summary>
    private int CharIndex(ReadOnlySpan<char> text, Piece piece, int symbols)
        => !ByteLevel || piece.IsSpecial ? symbols : Origins(text)[symbols];

    /// <summary>For each byte of the text's UTF-8 the code unit that it comes from, and the text's length after the last.</summary>
    private static int[] Origins(ReadOnlySpan<char> text)
    {
        var size = Encoding.UTF8.GetMaxByteCount(text.Length);
        var origins = new int[size];
        var bytes = ArrayPool<byte>.Shared.Rent(size);
        var count = ByteEncoding.GetBytes(text, bytes, origins);
        ArrayPool<byte>.Shared.Return(bytes);
        origins[count] = text.Length;
        return origins;
    }

    private static void CheckLimit(int maxTokenCount)
    {
        if (maxTokenCount <= 0)
        {
            throw new ArgumentOutOfRangeException(nameof(maxTokenCount), "The maximum number of tokens must be greater than zero.");
        }
    }
}
