using TorchKv.Runtime.Paging;
using TorchKv.Testing;

namespace TorchKv.Runtime.Tests.Paging;

/// <summary>Random operations against a slow model that keeps lists and compares contents in full.</summary>
public class PagingModelTests
{
    private const int BlockSize = 2;

    private sealed record Content(Content? Parent, string? Salt, int[] Tokens, int Block);

    [Theory]
    [InlineData(1, 6, false)]
    [InlineData(2, 17, false)]
    [InlineData(3, 17, true)]
    [InlineData(4, 40, true)]
    public void AMillionOperationsGiveASlowModelsBlocks(int seed, int blocks, bool collide)
    {
        var random = new Random(seed);
        PrefixHash? hash = collide ? (in BlockDigest parent, ReadOnlySpan<int> tokens) => default : null;
        var prefixes = new PrefixIndex(blocks, BlockSize, hash: hash);
        var pool = new BlockPool(blocks, prefixes);

        var free = Enumerable.Range(0, blocks).ToList();
        var cached = new List<int>();
        var holders = new int[blocks];
        var contents = new List<Content>();
        var links = new Dictionary<Content, PrefixLink>();
        var digests = new Dictionary<Content, BlockDigest>();
        var evictions = 0L;

        for (var step = 0; step < 250_000; step++)
        {
            switch (random.Next(8))
            {
                case 0 or 1:
                    var allocated = pool.TryAllocate(out var got);
                    var expected = free.Count > 0 ? free[0] : cached.Count > 0 ? cached[0] : -1;
                    Assert.Equal(expected, got);
                    Assert.Equal(expected >= 0, allocated);
                    if (free.Count > 0)
                    {
                        free.RemoveAt(0);
                    }
                    else if (cached.Count > 0)
                    {
                        cached.RemoveAt(0);
                        evictions++;
                        contents.RemoveAll(c => c.Block == expected);
                    }

                    if (expected >= 0)
                    {
                        holders[expected] = 1;
                    }

                    break;
                case 2:
                    if (Pick(b => holders[b] > 0 || cached.Contains(b)) is { } touched)
                    {
                        pool.Hold(touched);
                        holders[touched]++;
                        cached.Remove(touched);
                    }

                    break;
                case 3 or 4 or 5 when step % 50_000 < 40_000 || holders.Count(h => h > 0) > blocks / 2:
                    if (Pick(b => holders[b] > 0) is { } released)
                    {
                        pool.Release(released);
                        if (--holders[released] == 0)
                        {
                            if (contents.Any(c => c.Block == released))
                            {
                                cached.Add(released);
                            }
                            else
                            {
                                free.Insert(0, released);
                            }
                        }
                    }

                    break;
                case 6:
                    Publish();
                    break;
                default:
                    Find();
                    break;
            }

            Assert.Equal(free.Count, pool.FreeCount);
            Assert.Equal(cached.Count, pool.CachedCount);
            Assert.Equal(blocks, pool.FreeCount + pool.HeldCount + pool.CachedCount);
            Assert.Equal(contents.Count, prefixes.PublishedCount);
            if (step % 64 == 0)
            {
                pool.CheckInvariants();
                Assert.Equal(free, pool.FreeBlocks());
                Assert.Equal(cached, pool.CachedBlocks());
                Assert.Equal(evictions, pool.EvictionCount);
                Assert.Equal(holders, Enumerable.Range(0, blocks).Select(pool.HolderCount));
            }
        }

        int? Pick(Func<int, bool> wanted)
        {
            var start = random.Next(blocks);
            for (var i = 0; i < blocks; i++)
            {
                if (wanted((start + i) % blocks))
                {
                    return (start + i) % blocks;
                }
            }

            return null;
        }

        (Content? Parent, string? Salt, int[] Tokens, PrefixLink Link, BlockDigest Digest) Draw()
        {
            // Parents that were evicted are drawn too: their links must be dead.
            var parent = links.Count > 0 && random.Next(3) > 0 ? links.Keys.ElementAt(random.Next(links.Count)) : null;
            var salt = parent is null && random.Next(2) == 0 ? "s" + random.Next(2) : null;
            int[] tokens = [random.Next(2), random.Next(2)];
            var link = parent is null ? PrefixLink.Root(salt) : links[parent];
            var digest = prefixes.Hash(parent is null ? BlockDigest.Root(salt) : digests[parent], tokens);
            return (parent, salt, tokens, link, digest);
        }

        Content? Same(Content? parent, string? salt, int[] tokens) => contents.SingleOrDefault(
            c => ReferenceEquals(c.Parent, parent) && c.Salt == salt && c.Tokens.AsSpan().SequenceEqual(tokens));

        void Find()
        {
            var (parent, salt, tokens, link, digest) = Draw();
            var expected = Same(parent, salt, tokens);
            Assert.Equal(expected is not null, prefixes.TryFind(link, digest, tokens, out var found));
            Assert.Equal(expected?.Block ?? 0, found.Block);
        }

        void Publish()
        {
            if (Pick(b => holders[b] > 0 && contents.TrueForAll(c => c.Block != b)) is not { } block)
            {
                return;
            }

            var (parent, salt, tokens, link, digest) = Draw();
            var alive = parent is null || contents.Contains(parent, ReferenceEqualityComparer.Instance as IEqualityComparer<Content>);
            Assert.Equal(alive, prefixes.TryPublish(link, digest, tokens, block, out var published));
            if (!alive)
            {
                return;
            }

            var there = Same(parent, salt, tokens);
            Assert.Equal(there?.Block ?? block, published.Block);
            if (there is null)
            {
                var content = new Content(parent, salt, tokens, block);
                contents.Add(content);
                if (links.Count > 200)
                {
                    links.Clear();
                    digests.Clear();
                }

                links[content] = published;
                digests[content] = digest;
            }
        }
    }

    /// <summary>
    /// Tables over a pool against plain arrays of cells: whatever is shared, forked, copied, cut or evicted, a table
    /// reads its own tokens.
    /// </summary>
    [Theory]
    [InlineData(11, 12)]
    [InlineData(12, 30)]
    public void SharingForkingCuttingAndEvictingLeaveEachTablesTokens(int seed, int blocks)
    {
        var random = new Random(seed);
        var prefixes = new PrefixIndex(blocks, BlockSize);
        var pool = new BlockPool(blocks, prefixes);
        var cells = new int[blocks, BlockSize];
        var tables = new List<(BlockTable Table, List<int> Tokens)>();
        for (var step = 0; step < 60_000; step++)
        {
            var which = tables.Count == 0 ? -1 : random.Next(tables.Count);
            switch (random.Next(10))
            {
                case 0 or 1 when tables.Count < 6:
                    tables.Add(Adopt(Enumerable.Range(0, random.Next(8)).Select(_ => random.Next(2)).ToList()));
                    break;
                case 2 when which >= 0 && tables.Count < 6:
                    tables.Add((tables[which].Table.Fork(), [.. tables[which].Tokens]));
                    break;
                case 3 when which >= 0:
                    var keep = random.Next(tables[which].Tokens.Count + 1);
                    tables[which].Table.Truncate(keep);
                    tables[which].Tokens.RemoveRange(keep, tables[which].Tokens.Count - keep);
                    break;
                case 4 when which >= 0:
                    tables[which].Table.Clear();
                    tables.RemoveAt(which);
                    break;
                case 5 when which >= 0:
                    PublishFull(tables[which].Table, tables[which].Tokens);
                    break;
                case > 5 when which >= 0:
                    Write(tables[which].Table, tables[which].Tokens, Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.Next(2)).ToArray());
                    break;
            }

            foreach (var (table, tokens) in tables)
            {
                Assert.Equal(tokens, Enumerable.Range(0, table.TokenCount).Select(p => cells[table[p / BlockSize], p % BlockSize]));
            }

            if (step % 32 == 0)
            {
                pool.CheckInvariants();
            }
        }

        tables.ForEach(t => t.Table.Clear());
        Assert.Equal(blocks, pool.AvailableCount);

        (BlockTable, List<int>) Adopt(List<int> wanted)
        {
            var table = new BlockTable(pool, BlockSize);
            var link = PrefixLink.Root(null);
            var digest = BlockDigest.Root(null);
            while (table.TokenCount + BlockSize <= wanted.Count)
            {
                var tokens = wanted.GetRange(table.TokenCount, BlockSize).ToArray();
                digest = prefixes.Hash(digest, tokens);
                if (!prefixes.TryFind(link, digest, tokens, out link))
                {
                    break;
                }

                table.AppendShared(link.Block);
            }

            return (table, wanted.GetRange(0, table.TokenCount));
        }

        void PublishFull(BlockTable table, List<int> tokens)
        {
            var link = PrefixLink.Root(null);
            var digest = BlockDigest.Root(null);
            for (var i = 0; (i + 1) * BlockSize <= tokens.Count; i++)
            {
                var block = tokens.GetRange(i * BlockSize, BlockSize).ToArray();
                digest = prefixes.Hash(digest, block);
                if (prefixes.TryFind(link, digest, block, out var found))
                {
                    link = found;
                }
                else if (prefixes.Contains(table[i]) || !prefixes.TryPublish(link, digest, block, table[i], out link))
                {
                    break;
                }
            }
        }

        void Write(BlockTable table, List<int> tokens, int[] added)
        {
            if (!table.TryReserve(added.Length, out var copy))
            {
                return;
            }

            if (copy is { } c)
            {
                for (var i = 0; i < BlockSize; i++)
                {
                    cells[c.Destination, i] = cells[c.Source, i];
                }
            }

            for (var i = 0; i < added.Length; i++)
            {
                var p = table.TokenCount + i;
                cells[table[p / BlockSize], p % BlockSize] = added[i];
            }

            table.Advance(added.Length);
            tokens.AddRange(added);
        }
    }
}
