using TorchKv.Runtime.Paging;

namespace TorchKv.Testing;

/// <summary>Checks a block pool's books.</summary>
internal static class BlockPoolBooks
{
    /// <summary>Walks the whole pool and throws where its counts and its lists do not agree.</summary>
    /// <exception cref="InvalidOperationException">They do not agree; the message says where.</exception>
    public static void CheckInvariants(this BlockPool pool)
    {
        if (pool.FreeCount + pool.HeldCount + pool.CachedCount != pool.Count)
        {
            throw new InvalidOperationException(
                $"{pool.FreeCount} free + {pool.HeldCount} held + {pool.CachedCount} cached ≠ {pool.Count} blocks.");
        }

        Check(pool, pool.FreeBlocks(), pool.FreeCount, published: false);
        Check(pool, pool.CachedBlocks(), pool.CachedCount, published: true);
        var held = Enumerable.Range(0, pool.Count).Count(block => pool.HolderCount(block) > 0);
        if (held != pool.HeldCount)
        {
            throw new InvalidOperationException($"{held} blocks have holders, {pool.HeldCount} were counted.");
        }
    }

    private static void Check(BlockPool pool, IEnumerable<int> blocks, int expected, bool published)
    {
        var n = 0;
        foreach (var block in blocks)
        {
            if (pool.HolderCount(block) > 0 || pool.IsPublished(block) != published || ++n > expected)
            {
                throw new InvalidOperationException($"Block {block} is in the wrong list.");
            }
        }

        if (n != expected)
        {
            throw new InvalidOperationException($"{n} blocks in a list of {expected}.");
        }
    }
}
