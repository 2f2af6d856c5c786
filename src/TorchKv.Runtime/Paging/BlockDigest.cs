using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace TorchKv.Runtime.Paging;

/// <summary>
/// 256 bits that stand for a block and everything before it: its tokens, its predecessors' tokens, the salt.
/// </summary>
internal readonly record struct BlockDigest
{
    private readonly ulong _0, _1, _2, _3;

    /// <summary>A digest from 32 bytes.</summary>
    public BlockDigest(ReadOnlySpan<byte> bytes)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        (_0, _1, _2, _3) = (words[0], words[1], words[2], words[3]);
    }

    /// <summary>What chooses the bucket in the index.</summary>
    internal uint Fingerprint => (uint)_0;

    /// <summary>Writes the 32 bytes.</summary>
    public void CopyTo(Span<byte> destination)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(destination);
        (words[0], words[1], words[2], words[3]) = (_0, _1, _2, _3);
    }

    /// <summary>
    /// Where the chain of a prompt begins: zeros, or the SHA-256 of the salt, so that every block after it differs by
    /// salt.
    /// </summary>
    public static BlockDigest Root(string? salt)
    {
        if (string.IsNullOrEmpty(salt))
        {
            return default;
        }

        Span<byte> digest = stackalloc byte[32];
        SHA256.HashData(Encoding.UTF8.GetBytes(salt), digest);
        return new BlockDigest(digest);
    }

    /// <summary>SHA-256 of the parent's 32 bytes and the tokens as little-endian 32-bit integers.</summary>
    /// <remarks>
    /// A cryptographic hash because prompts come from strangers: one who could choose two prompts that collide would
    /// fill a bucket of the index at will. Whether two blocks are the same is never left to it (see
    /// <see cref="PrefixIndex"/>).
    /// </remarks>
    public static BlockDigest Sha256(in BlockDigest parent, ReadOnlySpan<int> tokens)
    {
        Span<byte> input = stackalloc byte[32 + 64];
        var length = 32 + (tokens.Length * sizeof(int));
        if (length > input.Length)
        {
            input = new byte[length];
        }

        input = input[..length];
        parent.CopyTo(input);
        for (var i = 0; i < tokens.Length; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(input[(32 + (i * sizeof(int)))..], tokens[i]);
        }

        Span<byte> digest = stackalloc byte[32];
        SHA256.HashData(input, digest);
        return new BlockDigest(digest);
    }
}
