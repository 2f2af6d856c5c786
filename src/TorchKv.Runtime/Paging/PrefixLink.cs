namespace TorchKv.Runtime.Paging;

/// <summary>A place in the index: a published block, or (block −1) the empty prefix under a salt.</summary>
/// <param name="Block">The block; −1 at the root.</param>
/// <param name="Generation">How often the block had been published or forgotten when this link was made.</param>
/// <param name="Salt">The salt; only at the root.</param>
internal readonly record struct PrefixLink(int Block, uint Generation, string? Salt = null)
{
    /// <summary>The empty prefix under a salt. No salt and an empty one are the same.</summary>
    public static PrefixLink Root(string? salt) => new(-1, 0, string.IsNullOrEmpty(salt) ? null : salt);
}
