namespace TorchKv.Runtime.Paging;

/// <summary>How far the index follows a prompt, and what it has where it does not follow.</summary>
internal sealed class PrefixSearch
{
    private readonly PrefixIndex _index;
    private readonly int[] _prompt;
    private readonly PrefixLink _root;
    private readonly List<int> _blocks = [];

    /// <summary>Follows a prompt.</summary>
    /// <param name="index">The index.</param>
    /// <param name="prompt">The prompt's tokens.</param>
    /// <param name="root">Where its chain begins.</param>
    public PrefixSearch(PrefixIndex index, int[] prompt, PrefixRoot root)
    {
        _index = index;
        _prompt = prompt;
        _root = root.Link;
        Parent = root.Link;
        var digest = root.Digest;
        while (HasNext)
        {
            digest = index.Hash(digest, Next);
            if (!index.TryFind(Parent, digest, Next, out var found))
            {
                MissedDigest = digest;
                break;
            }

            _blocks.Add(found.Block);
            Parent = found;
        }
    }

    /// <summary>The blocks that the index has of the prompt, in order.</summary>
    public IReadOnlyList<int> Blocks => _blocks;

    /// <summary>Whether a whole block of the prompt is left.</summary>
    public bool HasNext => (_blocks.Count + 1) * _index.BlockSize <= _prompt.Length;

    /// <summary>The digest of the first whole block that the index does not have.</summary>
    public BlockDigest MissedDigest { get; }

    /// <summary>The tokens of the first whole block that the index does not have.</summary>
    public ReadOnlySpan<int> Next => _prompt.AsSpan(_blocks.Count * _index.BlockSize, _index.BlockSize);

    private PrefixLink Parent { get; }

    /// <summary>
    /// The block after the last one found, of the same salt, that agrees with the rest of the prompt for the most
    /// tokens; null where nothing comes after it.
    /// </summary>
    public (int Block, int Common)? Nearest()
    {
        (int Block, int Common)? nearest = null;
        var rest = _prompt.AsSpan(_blocks.Count * _index.BlockSize);
        for (var block = 0; block < _index.BlockCount; block++)
        {
            if (_index.Contains(block)
                && _index.ParentOf(block) == Parent.Block
                && (Parent.Block >= 0 || _index.SaltOf(block) == Parent.Salt))
            {
                var common = rest.CommonPrefixLength(_index.TokensOf(block));
                if (nearest is null || common > nearest.Value.Common)
                {
                    nearest = (block, common);
                }
            }
        }

        return nearest;
    }

    /// <summary>Whether the index has more of the prompt under another salt.</summary>
    public bool IsKnownToOthers()
    {
        var salts = new HashSet<string>();
        for (var block = 0; block < _index.BlockCount; block++)
        {
            if (_index.Contains(block) && _index.ParentOf(block) == -1)
            {
                salts.Add(_index.SaltOf(block) ?? "");
            }
        }

        salts.Remove(_root.Salt ?? "");
        return salts.Any(salt => new PrefixSearch(_index, _prompt, PrefixRoot.Of(salt)).Blocks.Count > _blocks.Count);
    }
}
