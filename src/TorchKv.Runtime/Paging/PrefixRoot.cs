namespace TorchKv.Runtime.Paging;

/// <summary>Where the prefix chain of a prompt begins. Chains of different salts never meet.</summary>
/// <param name="Link">The empty prefix under the salt.</param>
/// <param name="Digest">The digest that the first block's digest is made from.</param>
internal readonly record struct PrefixRoot(PrefixLink Link, BlockDigest Digest)
{
    /// <summary>The root for a salt. No salt and an empty one are the same.</summary>
    public static PrefixRoot Of(string? salt) => new(PrefixLink.Root(salt), BlockDigest.Root(salt));
}
