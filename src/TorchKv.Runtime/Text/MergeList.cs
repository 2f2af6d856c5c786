namespace TorchKv.Runtime.Text;

/// <summary>Collects a vocabulary's merges, best first, and checks each.</summary>
/// <param name="file">The file that they come from.</param>
/// <param name="vocabulary">Token → id.</param>
internal sealed class MergeList(string file, Dictionary<string, int> vocabulary)
{
    private readonly HashSet<string> _seen = new(vocabulary.Count, StringComparer.Ordinal);
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _tokens =
        vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
    private char[] _joined = new char[256];

    /// <summary>The pairs, "left right".</summary>
    public List<string> Pairs { get; } = new(vocabulary.Count);

    /// <summary>Adds a merge of two tokens of the vocabulary to a third one.</summary>
    /// <param name="pair">"left right".</param>
    /// <param name="place">Its place in the file, for the message: "line 7".</param>
    /// <exception cref="TokenizerException">It is not such a pair, or was added before.</exception>
    public void Add(string pair, string place)
    {
        var space = pair.IndexOf(' ');
        if (space <= 0 || space == pair.Length - 1 || pair.IndexOf(' ', space + 1) >= 0)
        {
            throw new TokenizerException(
                file, $"{place} is not two tokens with one space between: '{VocabularyFiles.Shorten(pair)}'.");
        }

        Array.Resize(ref _joined, Math.Max(_joined.Length, pair.Length));
        pair.AsSpan(0, space).CopyTo(_joined);
        pair.AsSpan(space + 1).CopyTo(_joined.AsSpan(space));
        Require(pair.AsSpan(0, space), pair, place);
        Require(pair.AsSpan(space + 1), pair, place);
        Require(_joined.AsSpan(0, pair.Length - 1), pair, place);
        if (!_seen.Add(pair))
        {
            throw new TokenizerException(file, $"{place} repeats the merge '{VocabularyFiles.Shorten(pair)}'.");
        }

        Pairs.Add(pair);
    }

    private void Require(ReadOnlySpan<char> token, string pair, string place)
    {
        if (!_tokens.ContainsKey(token))
        {
            throw new TokenizerException(
                file,
                $"{place} ('{VocabularyFiles.Shorten(pair)}') needs the token "
                + $"'{VocabularyFiles.Shorten(token.ToString())}', which the vocabulary lacks.");
        }
    }
}
