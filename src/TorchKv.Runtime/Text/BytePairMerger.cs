using System.Text;

namespace TorchKv.Runtime.Text;

/// <summary>
/// Byte-pair encoding of one piece of text: of all neighbouring tokens that a merge joins, the pair with the best merge
/// is joined first, the leftmost where several have it, until no merge applies (Sennrich et al. 2016, as GPT-2 applies
/// it to bytes).
/// </summary>
/// <remarks>
/// Each merge adds two pairs at most, so a piece of n bytes has fewer than 3n pairs in all. The package's tokenizer,
/// which encodes all other text, takes time that grows with n² for one long piece. Any number of threads may use one.
/// </remarks>
internal sealed class BytePairMerger
{
    internal const int None = -1;

    // The token of each byte; None where the vocabulary lacks it.
    private readonly int[] _byteTokens = new int[256];

    // The token for a byte that the vocabulary lacks; None: such a byte is left out.
    private readonly int _unknown;
    private readonly bool _fuseUnknown;

    private readonly long _tokenCount;

    // Two tokens → rank of their merge, 0 for the best; rank → the token that they become.
    private readonly Dictionary<long, int> _ranks;
    private readonly int[] _merged;

    /// <param name="vocabulary">Token, in GPT-2's characters for bytes, → id.</param>
    /// <param name="merges">
    /// Pairs "left right" of its tokens, best first, that <see cref="MergeList"/> has checked.
    /// </param>
    /// <param name="unknown">
    /// The id that stands for a byte that the vocabulary lacks; null: such a byte is left out.
    /// </param>
    /// <param name="fuseUnknown">Whether several such bytes in a row give one id.</param>
    public BytePairMerger(
        Dictionary<string, int> vocabulary, List<string> merges, int? unknown = null, bool fuseUnknown = false)
    {
        _unknown = unknown ?? None;
        _fuseUnknown = fuseUnknown;
        for (var value = 0; value < 256; value++)
        {
            _byteTokens[value] = vocabulary.TryGetValue(ByteLevel.ToCharacter((byte)value).ToString(), out var id)
                ? id
                : None;
        }

        _tokenCount = vocabulary.Values.DefaultIfEmpty().Max() + 1L;
        HasEveryByte = !_byteTokens.Contains(None);
        _ranks = new Dictionary<long, int>(merges.Count);
        _merged = new int[merges.Count];
        var tokens = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        for (var rank = 0; rank < merges.Count; rank++)
        {
            var pair = merges[rank].AsSpan();
            var space = pair.IndexOf(' ');
            _ranks.Add(Pair(tokens[pair[..space]], tokens[pair[(space + 1)..]]), rank);
            _merged[rank] = tokens[string.Concat(pair[..space], pair[(space + 1)..])];
        }
    }

    /// <summary>Whether the vocabulary has a token for every byte.</summary>
    public bool HasEveryByte { get; }

    /// <summary>
    /// Adds the ids of a piece. A byte that the vocabulary lacks gives the unknown token, or nothing where there is
    /// none.
    /// </summary>
    /// <param name="piece">
    /// A piece as <see cref="Gpt2PreTokenizer"/> cuts it, without a surrogate that lacks its partner.
    /// </param>
    /// <param name="ids">Where its ids are added.</param>
    /// <returns>How many pairs were tried: the work done.</returns>
    public long Encode(ReadOnlySpan<char> piece, List<int> ids)
    {
        var tokens = Tokens(piece);
        if (tokens.Length == 0)
        {
            return 0;
        }

        // A linked list of the tokens that are left.
        var next = new int[tokens.Length];
        var previous = new int[tokens.Length];
        for (var i = 0; i < tokens.Length; i++)
        {
            (previous[i], next[i]) = (i - 1, i + 1);
        }

        next[^1] = None;
        using var pairs = new RankedPairs(tokens.Length, _merged.Length);
        var best = int.MaxValue;

        // Long pieces repeat themselves: often the same pair is asked for twice in a row, to the right and to the left
        // of a merge.
        (long Pair, int Rank) toTheRight = (-1, None), toTheLeft = (-1, None);
        for (var i = 0; i < tokens.Length; i++)
        {
            Rank(i, ref toTheRight);
        }

        while (pairs.Best is { } rank)
        {
            best = rank;
            foreach (var at in pairs.Take(rank))
            {
                if (!pairs.Has(at, rank))
                {
                    continue; // The same merge one place to the left has taken its first token.
                }

                var right = next[at];
                tokens[at] = _merged[rank];
                pairs.Remove(right);
                next[at] = next[right];
                if (next[at] != None)
                {
                    previous[next[at]] = at;
                }

                Rank(at, ref toTheRight);
                if (previous[at] != None)
                {
                    Rank(previous[at], ref toTheLeft);
                }

                if (best < rank)
                {
                    break; // The new token has a better merge than its own: a list of merges may say so.
                }
            }
        }

        ids.EnsureCapacity(ids.Count + (tokens.Length / 4));
        for (var i = 0; i != None; i = next[i])
        {
            ids.Add(tokens[i]);
        }

        return pairs.Taken;

        void Rank(int at, ref (long Pair, int Rank) last)
        {
            pairs.Remove(at);
            if (next[at] == None)
            {
                return;
            }

            var pair = Pair(tokens[at], tokens[next[at]]);
            if (pair != last.Pair)
            {
                last = (pair, _ranks.GetValueOrDefault(pair, None));
            }

            if (last.Rank != None)
            {
                pairs.Add(at, last.Rank);
                best = Math.Min(best, last.Rank);
            }
        }
    }

    // Not the two halves of a number: .NET hashes a long as the exclusive or of its halves, and so all pairs of equal
    // tokens alike.
    private long Pair(int left, int right) => (left * _tokenCount) + right;

    private int[] Tokens(ReadOnlySpan<char> piece)
    {
        var bytes = new byte[Encoding.UTF8.GetByteCount(piece)];
        Encoding.UTF8.GetBytes(piece, bytes);
        var tokens = new int[bytes.Length];
        var count = 0;
        var afterUnknown = false;
        foreach (var value in bytes)
        {
            var token = _byteTokens[value];
            var isUnknown = token == None;
            token = isUnknown ? _unknown : token;
            if (token != None && !(isUnknown && afterUnknown && _fuseUnknown))
            {
                tokens[count++] = token;
            }

            afterUnknown = isUnknown;
        }

        return count == tokens.Length ? tokens : tokens[..count];
    }
}
