namespace TorchKv.Runtime.Text;

/// <summary>Collects the added tokens of a folder's files, and gives ids to those that no file gives one.</summary>
/// <param name="file">The file of the vocabulary, for messages.</param>
/// <param name="vocabulary">Token → id, without the added tokens.</param>
internal sealed class AddedVocabulary(string file, Dictionary<string, int> vocabulary)
{
    /// <summary>
    /// UTF-16 code units of all added tokens together; the search structure takes some 16 bytes for each.
    /// </summary>
    private const int MostCharacters = 1 << 23;

    private readonly Dictionary<string, (AddedToken Token, int Id)> _tokens = new(StringComparer.Ordinal);

    /// <summary>The tokens with their ids.</summary>
    public IReadOnlyCollection<(AddedToken Token, int Id)> Tokens => _tokens.Values;

    /// <summary>
    /// Adds a token that has an id in a file. Where several files have it, the last one decides whether it is special.
    /// </summary>
    /// <exception cref="TokenizerException">Another file gives the token another id.</exception>
    public void Add(AddedToken token, int id, string source)
    {
        if (_tokens.TryGetValue(token.Content, out var known) && known.Id != id)
        {
            throw new TokenizerException(
                source,
                $"the added token '{VocabularyFiles.Shorten(token.Content)}' has the id {id} here "
                + $"and {known.Id} in another file.");
        }

        _tokens[token.Content] = (token, id);
    }

    /// <summary>
    /// Makes tokens special. One that has no id yet gets the next, in the order given, as in HuggingFace's tokenizer.
    /// </summary>
    /// <param name="tokens">
    /// The special tokens; <c>IsDefault</c>: no file names it, HuggingFace's class assumes it.
    /// </param>
    /// <exception cref="TokenizerException">The added tokens are too long.</exception>
    public void AddSpecial(IEnumerable<(AddedToken Token, bool IsDefault)> tokens)
    {
        var unknown = tokens.Where(token => !MarkSpecial(token.Token)).ToList();

        // A token that no file names matters only for the ids of those after it.
        if (unknown.Any(token => !token.IsDefault))
        {
            var next = Count();
            foreach (var (token, _) in unknown)
            {
                if (_tokens.TryAdd(token.Content, (token, next)))
                {
                    next++;
                }
            }
        }

        var characters = _tokens.Keys.Sum(content => (long)content.Length);
        if (characters > MostCharacters)
        {
            throw new TokenizerException(
                file,
                $"the added tokens have {characters:N0} characters together; "
                + $"at most {MostCharacters:N0} are supported.");
        }
    }

    /// <summary>Checks that every id from 0 on is one token's, of the vocabulary or an added one.</summary>
    /// <exception cref="TokenizerException">An id is missing or given twice.</exception>
    public void CheckIds()
    {
        var byId = new string?[Count()];
        var greatest = 0;
        foreach (var (token, id) in vocabulary)
        {
            Take(token, id);
        }

        foreach (var (token, id) in _tokens.Values)
        {
            if (!vocabulary.TryGetValue(token.Content, out var known))
            {
                Take(token.Content, id);
            }
            else if (known != id)
            {
                throw new TokenizerException(
                    file,
                    $"the added token '{VocabularyFiles.Shorten(token.Content)}' has the id {id}, "
                    + $"but the vocabulary gives it {known}.");
            }
        }

        var missing = Array.IndexOf(byId, null);
        if (missing >= 0)
        {
            throw new TokenizerException(
                file,
                $"no token has the id {missing}, but ids go up to {greatest}: ids must run from 0 without a gap.");
        }

        void Take(string token, int id)
        {
            greatest = Math.Max(greatest, id);
            if (id >= byId.Length)
            {
                return;
            }

            if (byId[id] is { } other)
            {
                throw new TokenizerException(
                    file,
                    $"the tokens '{VocabularyFiles.Shorten(other)}' and '{VocabularyFiles.Shorten(token)}' "
                    + $"have the same id {id}.");
            }

            byId[id] = token;
        }
    }

    /// <summary>Makes a token special; false where it has no id yet.</summary>
    private bool MarkSpecial(AddedToken token)
    {
        if (_tokens.TryGetValue(token.Content, out var known))
        {
            _tokens[token.Content] = (known.Token with { IsSpecial = true }, known.Id);
            return true;
        }

        if (vocabulary.TryGetValue(token.Content, out var id))
        {
            _tokens[token.Content] = (token, id);
            return true;
        }

        return false;
    }

    private int Count() => vocabulary.Count + _tokens.Keys.Count(token => !vocabulary.ContainsKey(token));
}
