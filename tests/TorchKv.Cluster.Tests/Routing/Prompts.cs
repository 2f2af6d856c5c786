using CsCheck;
using TorchKv.Cluster.Routing;
using TorchKv.Runtime.Paging;

namespace TorchKv.Cluster.Tests.Routing;

/// <summary>Prompts for the tests: digests of texts in blocks of two tokens.</summary>
internal static class Prompts
{
    public const int BlockSize = 2;

    /// <summary>The digests of a text of one token a character.</summary>
    public static BlockDigest[] Digests(string text)
    {
        var chain = new DigestChain(blockSize: BlockSize);
        chain.Append([.. text.Select(character => (int)character)]);
        return chain.Digests.ToArray();
    }

    /// <summary>One of some values.</summary>
    public static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(place => values[place]);
}
