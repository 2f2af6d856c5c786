using System.Numerics;

namespace TorchKv.Runtime.Paging;

/// <summary>
/// Finds full blocks again by their content: (parent, tokens), the root of the chain being a salt. Knows no tensors.
/// </summary>
/// <remarks>
/// <para>
/// The digest chooses the bucket and nothing else. A hit is decided by comparing the tokens themselves and the parent's
/// identity (block and generation; at the root, the salt), so that even a hash that always collides mixes nothing up: a
/// collision would give one prompt's keys and values to another (vllm-project/vllm#12621).
/// </para>
/// <para>
/// Because the parent is compared by identity, a block whose parent was evicted can no longer be found. The pool's LRU
/// order evicts children first, so this matters only where two sequences computed the same prefix at the same time.
/// </para>
/// <para>
/// Cost: 20 bytes of entry, 2–4 of bucket and the tokens, 2 bytes each up to a vocabulary of 65,536 (32 bytes), 4
/// beyond: with <see cref="BlockPool"/>'s 8 bytes at most 64 bytes a block for GPT-2's vocabulary. Salts are stored
/// apart, for first blocks that have one. Not thread-safe.
/// </para>
/// </remarks>
internal sealed partial class PrefixIndex
{
    private struct Entry
    {
        public uint Fingerprint;
        public int Next;
        public int Parent;
        public uint ParentGeneration;

        /// <summary>Odd while the block is published. It would take 2³¹ evictions of one block to repeat.</summary>
        public uint Generation;
    }

    private readonly Entry[] _entries;
    private readonly int[] _buckets;
    private readonly ushort[]? _narrowTokens;
    private readonly int[]? _wideTokens;
    private readonly Dictionary<int, string> _salts = [];
    private readonly PrefixHash _hash;

    /// <summary>An index over the blocks of one pool.</summary>
    /// <param name="blockCount">Blocks in the pool.</param>
    /// <param name="blockSize">Tokens in a block.</param>
    /// <param name="vocabularySize">Token ids are below this; up to 65,536 they are kept in two bytes.</param>
    /// <param name="hash">Null: SHA-256.</param>
    public PrefixIndex(int blockCount, int blockSize = 16, int vocabularySize = 65_536, PrefixHash? hash = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockCount);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vocabularySize);
        BlockSize = blockSize;
        BlockCount = blockCount;
        _hash = hash ?? BlockDigest.Sha256;
        _entries = new Entry[blockCount];
        _buckets = new int[Math.Max(1, BitOperations.RoundUpToPowerOf2((uint)blockCount) / 2)];
        Array.Fill(_buckets, -1);
        if (vocabularySize <= 65_536)
        {
            _narrowTokens = new ushort[checked(blockCount * blockSize)];
        }
        else
        {
            _wideTokens = new int[checked(blockCount * blockSize)];
        }
    }

    /// <summary>Tokens in a block.</summary>
    public int BlockSize { get; }

    /// <summary>Blocks in the pool.</summary>
    public int BlockCount { get; }

    /// <summary>Blocks that can be found.</summary>
    public int PublishedCount { get; private set; }

    /// <summary>The digest of a block from its parent's.</summary>
    public BlockDigest Hash(BlockDigest parent, ReadOnlySpan<int> tokens) => _hash(in parent, tokens);

    /// <summary>Whether a block can be found.</summary>
    public bool Contains(int block) => (_entries[block].Generation & 1) != 0;

    /// <summary>Whether a link is valid: its block has not been forgotten since.</summary>
    public bool IsAlive(PrefixLink link) => link.Block < 0 || _entries[link.Block].Generation == link.Generation;

    /// <summary>Looks for the block that holds these tokens after this parent.</summary>
    /// <param name="parent">The prefix before the block.</param>
    /// <param name="digest">The block's digest, by <see cref="Hash"/>.</param>
    /// <param name="tokens">The block's tokens, one block full.</param>
    /// <param name="found">The block.</param>
    public bool TryFind(PrefixLink parent, BlockDigest digest, ReadOnlySpan<int> tokens, out PrefixLink found)
    {
        CheckLength(tokens);
        for (var block = _buckets[Bucket(digest.Fingerprint)]; block >= 0; block = _entries[block].Next)
        {
            ref var entry = ref _entries[block];
            if (entry.Fingerprint == digest.Fingerprint
                && entry.Parent == parent.Block
                && entry.ParentGeneration == parent.Generation
                && (parent.Block >= 0 || _salts.GetValueOrDefault(block) == parent.Salt)
                && TokensEqual(block, tokens))
            {
                found = new PrefixLink(block, entry.Generation);
                return true;
            }
        }

        found = default;
        return false;
    }

    /// <summary>Makes a block findable, unless another holds the same already or its parent is gone.</summary>
    /// <param name="parent">The prefix before the block.</param>
    /// <param name="digest">The block's digest, by <see cref="Hash"/>.</param>
    /// <param name="tokens">The block's tokens, one block full.</param>
    /// <param name="block">The block that holds their keys and values; it must not be published.</param>
    /// <param name="published">The block that is found from now on: this one, or the one that was there before.</param>
    /// <returns>False where the parent is no longer alive; nothing is changed then.</returns>
    public bool TryPublish(
        PrefixLink parent,
        BlockDigest digest,
        ReadOnlySpan<int> tokens,
        int block,
        out PrefixLink published)
    {
        if (!IsAlive(parent))
        {
            published = default;
            return false;
        }

        if (TryFind(parent, digest, tokens, out published))
        {
            return true;
        }

        ref var entry = ref _entries[block];
        if ((entry.Generation & 1) != 0)
        {
            throw new InvalidOperationException(
                $"Block {block} is published already; a published block never changes.");
        }

        ref var bucket = ref _buckets[Bucket(digest.Fingerprint)];
        entry = new Entry
        {
            Fingerprint = digest.Fingerprint,
            Next = bucket,
            Parent = parent.Block,
            ParentGeneration = parent.Generation,
            Generation = entry.Generation + 1,
        };
        bucket = block;
        StoreTokens(block, tokens);
        if (parent is { Block: < 0, Salt: not null })
        {
            _salts[block] = parent.Salt;
        }

        PublishedCount++;
        published = new PrefixLink(block, entry.Generation);
        return true;
    }

    /// <summary>Forgets a block: it is about to be written, or its content dropped.</summary>
    public void Forget(int block)
    {
        ref var entry = ref _entries[block];
        if ((entry.Generation & 1) == 0)
        {
            throw new InvalidOperationException($"Block {block} is not published.");
        }

        if (Evictions is not null)
        {
            NoteForgotten(block);
        }

        ref var link = ref _buckets[Bucket(entry.Fingerprint)];
        while (link != block)
        {
            link = ref _entries[link].Next;
        }

        link = entry.Next;
        entry.Generation++;
        PublishedCount--;
        if (entry.Parent < 0)
        {
            _salts.Remove(block);
        }
    }

    private uint Bucket(uint fingerprint) => fingerprint & (uint)(_buckets.Length - 1);

    private void CheckLength(ReadOnlySpan<int> tokens)
    {
        if (tokens.Length != BlockSize)
        {
            throw new ArgumentException(
                $"{tokens.Length} tokens given; only full blocks of {BlockSize} are indexed.", nameof(tokens));
        }
    }

    private bool TokensEqual(int block, ReadOnlySpan<int> tokens)
    {
        var start = block * BlockSize;
        if (_wideTokens is not null)
        {
            return tokens.SequenceEqual(_wideTokens.AsSpan(start, BlockSize));
        }

        var stored = _narrowTokens.AsSpan(start, BlockSize);
        for (var i = 0; i < stored.Length; i++)
        {
            if (stored[i] != tokens[i])
            {
                return false;
            }
        }

        return true;
    }

    private void StoreTokens(int block, ReadOnlySpan<int> tokens)
    {
        var start = block * BlockSize;
        if (_wideTokens is not null)
        {
            tokens.CopyTo(_wideTokens.AsSpan(start));
            return;
        }

        var stored = _narrowTokens.AsSpan(start, BlockSize);
        for (var i = 0; i < stored.Length; i++)
        {
            // An id beyond two bytes would be stored as another one and found under that one's prompt.
            stored[i] = checked((ushort)tokens[i]);
        }
    }
}
