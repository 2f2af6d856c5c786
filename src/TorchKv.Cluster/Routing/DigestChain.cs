using TorchKv.Runtime.Paging;

namespace TorchKv.Cluster.Routing;

/// <summary>
/// The digests of a text's full blocks, as the engine's own prefix index makes them, so that two texts share a digest
/// exactly where a replica would find the same block. Grows with the text. Not thread-safe.
/// </summary>
internal sealed class DigestChain
{
    private readonly PrefixHash _hash;
    private readonly BlockDigest _root;
    private readonly int[] _partial;
    private BlockDigest[] _digests = [];
    private int _count;
    private int _partialCount;

    /// <summary>The chain of an empty text.</summary>
    /// <param name="salt">The request's cache salt; null and empty are the same.</param>
    /// <param name="blockSize">Tokens in a block.</param>
    /// <param name="hash">Null: SHA-256, as in the engine.</param>
    public DigestChain(string? salt = null, int blockSize = 16, PrefixHash? hash = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockSize);
        _hash = hash ?? BlockDigest.Sha256;
        _root = BlockDigest.Root(salt);
        _partial = new int[blockSize];
    }

    /// <summary>Tokens of the text.</summary>
    public int TokenCount => (_count * _partial.Length) + _partialCount;

    /// <summary>One digest for each full block; valid until tokens are added.</summary>
    public ReadOnlySpan<BlockDigest> Digests => _digests.AsSpan(0, _count);

    /// <summary>Adds tokens: the prompt, then those that were generated.</summary>
    public void Append(ReadOnlySpan<int> tokens)
    {
        while (_partialCount + tokens.Length >= _partial.Length)
        {
            var missing = _partial.Length - _partialCount;
            tokens[..missing].CopyTo(_partial.AsSpan(_partialCount));
            tokens = tokens[missing..];
            _partialCount = 0;
            Push(_hash(_count == 0 ? _root : _digests[_count - 1], _partial));
        }

        tokens.CopyTo(_partial.AsSpan(_partialCount));
        _partialCount += tokens.Length;
    }

    private void Push(in BlockDigest digest)
    {
        if (_count == _digests.Length)
        {
            Array.Resize(ref _digests, Math.Max(8, _count * 2));
        }

        _digests[_count++] = digest;
    }
}
