namespace TorchKv.Runtime.Paging;

/// <summary>Makes a block's digest from its parent's and its tokens.</summary>
/// <param name="parent">Digest of everything before the block.</param>
/// <param name="tokens">The block's tokens, one block full.</param>
internal delegate BlockDigest PrefixHash(in BlockDigest parent, ReadOnlySpan<int> tokens);
