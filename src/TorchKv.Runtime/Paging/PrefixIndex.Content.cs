namespace TorchKv.Runtime.Paging;

/// <content>What the index knows of each block, for those who show it.</content>
internal sealed partial class PrefixIndex
{
    /// <summary>Notes what is forgotten from now on; null: nothing is noted.</summary>
    public EvictionLog? Evictions { get; set; }

    /// <summary>How often a block has been published or forgotten; odd while it is published.</summary>
    public uint Generation(int block) => _entries[block].Generation;

    /// <summary>
    /// The block before a published one: −1 where it begins a prompt, null where that block has been forgotten.
    /// </summary>
    public int? ParentOf(int block)
    {
        ref readonly var entry = ref _entries[block];
        return entry.Parent < 0 ? -1
            : _entries[entry.Parent].Generation == entry.ParentGeneration ? entry.Parent
            : null;
    }

    /// <summary>The salt of a published block that begins a prompt.</summary>
    public string? SaltOf(int block) => _salts.GetValueOrDefault(block);

    /// <summary>The tokens of a published block.</summary>
    public int[] TokensOf(int block)
    {
        var tokens = new int[BlockSize];
        CopyTokens(block, tokens);
        return tokens;
    }

    private void CopyTokens(int block, Span<int> tokens)
    {
        var start = block * BlockSize;
        if (_wideTokens is not null)
        {
            _wideTokens.AsSpan(start, BlockSize).CopyTo(tokens);
            return;
        }

        for (var i = 0; i < BlockSize; i++)
        {
            tokens[i] = _narrowTokens![start + i];
        }
    }

    private void NoteForgotten(int block)
    {
        var tokens = BlockSize <= 64 ? stackalloc int[BlockSize] : new int[BlockSize];
        CopyTokens(block, tokens);
        Evictions!.Add(_entries[block].Fingerprint, tokens);
    }
}
