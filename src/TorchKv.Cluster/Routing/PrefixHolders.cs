using System.Runtime.InteropServices;
using TorchKv.Runtime.Paging;

namespace TorchKv.Cluster.Routing;

/// <summary>
/// Which replicas are thought to have which blocks: those that a replica was last given, as many as its pool has. It is
/// a guess without messages from the replicas; a wrong one costs the computing of a prompt, never a wrong answer.
/// </summary>
/// <remarks>
/// <para>
/// Of each replica the blocks used longest ago are forgotten first. A use counts the first block of a text as the last
/// one used, so that a replica that has a block has those before it too, here as in the replica's own pool.
/// </para>
/// <para>
/// Memory: at most one entry of 16 bytes for each block of each replica's pool, and about 100 bytes for each different
/// block among them. Not thread-safe.
/// </para>
/// </remarks>
internal sealed class PrefixHolders
{
    private struct Block
    {
        public BlockDigest Digest;
        public HolderList Holders;
        public bool Continued;
    }

    private struct Entry
    {
        public int Block;
        public int Replica;
        public int Newer;
        public int Older;
    }

    private struct Replica
    {
        public int Capacity;
        public int Count;
        public int Newest;
        public int Oldest;
    }

    private const int None = -1;
    private readonly Dictionary<BlockDigest, int> _numbers = [];
    private readonly SlotList<Block> _blocks = new();
    private readonly SlotList<Entry> _entries = new();
    private Replica[] _replicas = [];

    /// <summary>Different blocks.</summary>
    public int BlockCount => _numbers.Count;

    /// <summary>Blocks that a replica is thought to have.</summary>
    public int Count(int replica) => replica < _replicas.Length ? _replicas[replica].Count : 0;

    /// <summary>Forgets what a replica had, and says how much it can have from now on.</summary>
    /// <param name="replica">Its number.</param>
    /// <param name="capacity">Blocks; 0: it is gone.</param>
    public void Reset(int replica, int capacity)
    {
        if (replica >= _replicas.Length)
        {
            var old = _replicas.Length;
            Array.Resize(ref _replicas, Math.Max(replica + 1, old * 2));
            _replicas.AsSpan(old).Fill(new Replica { Newest = None, Oldest = None });
        }

        while (_replicas[replica].Count > 0)
        {
            Remove(_replicas[replica].Oldest);
        }

        _replicas[replica].Capacity = capacity;
    }

    /// <summary>How many of a text's blocks, from the first, any replica is thought to have.</summary>
    public int Depth(ReadOnlySpan<BlockDigest> blocks)
    {
        // A block that is known has known blocks before it, so a binary search finds the first unknown one.
        var (known, unknown) = (0, blocks.Length + 1);
        while (unknown - known > 1)
        {
            var middle = (known + unknown) / 2;
            if (_numbers.ContainsKey(blocks[middle - 1]))
            {
                known = middle;
            }
            else
            {
                unknown = middle;
            }
        }

        return known;
    }

    /// <summary>Whether a longer text than one that ends with this block was seen while the block was known.</summary>
    public bool IsContinued(in BlockDigest block) =>
        _numbers.TryGetValue(block, out var number) && _blocks[number].Continued;

    /// <summary>Replicas that are thought to have a block.</summary>
    public int HolderCount(in BlockDigest block) =>
        _numbers.TryGetValue(block, out var number) ? _blocks[number].Holders.Count : 0;

    /// <summary>The holder of a block at a place, by replica numbers; the block must be known.</summary>
    public int Holder(in BlockDigest block, int place) => _entries[_blocks[_numbers[block]].Holders[place]].Replica;

    /// <summary>How many of a text's blocks, from the first, a replica is thought to have.</summary>
    public int Matched(int replica, ReadOnlySpan<BlockDigest> blocks)
    {
        var (held, missing) = (0, blocks.Length + 1);
        while (missing - held > 1)
        {
            var middle = (held + missing) / 2;
            if (_numbers.TryGetValue(blocks[middle - 1], out var number) && Find(number, replica) >= 0)
            {
                held = middle;
            }
            else
            {
                missing = middle;
            }
        }

        return held;
    }

    /// <summary>A replica computes a text, or has done so: it has the text's blocks.</summary>
    public void Use(int replica, ReadOnlySpan<BlockDigest> blocks)
    {
        blocks = blocks[..Math.Min(blocks.Length, _replicas[replica].Capacity)];
        for (var i = blocks.Length - 1; i >= 0; i--)
        {
            Touch(replica, blocks[i], continued: i < blocks.Length - 1);
        }

        while (_replicas[replica].Count > _replicas[replica].Capacity)
        {
            Remove(_replicas[replica].Oldest);
        }
    }

    private void Touch(int replica, in BlockDigest digest, bool continued)
    {
        ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(_numbers, digest, out var exists);
        if (!exists)
        {
            known = _blocks.Add(new Block { Digest = digest });
        }

        var number = known;
        _blocks[number].Continued |= continued;
        var place = Find(number, replica);
        int entry;
        if (place >= 0)
        {
            entry = _blocks[number].Holders[place];
            Unlink(entry);
        }
        else
        {
            entry = _entries.Add(new Entry { Block = number, Replica = replica });
            _blocks[number].Holders.Insert(~place, entry);
            _replicas[replica].Count++;
        }

        LinkNewest(entry);
    }

    private void Remove(int entry)
    {
        var (number, replica) = (_entries[entry].Block, _entries[entry].Replica);
        ref var block = ref _blocks[number];
        block.Holders.RemoveAt(Find(number, replica));
        Unlink(entry);
        _entries.Remove(entry);
        _replicas[replica].Count--;
        if (block.Holders.Count == 0)
        {
            _numbers.Remove(block.Digest);
            _blocks.Remove(number);
        }
    }

    /// <summary>The place of a replica among a block's holders, or the complement of where it belongs.</summary>
    private int Find(int number, int replica)
    {
        ref readonly var holders = ref _blocks[number].Holders;
        var (low, high) = (0, holders.Count - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            var other = _entries[holders[middle]].Replica;
            if (other == replica)
            {
                return middle;
            }

            (low, high) = other < replica ? (middle + 1, high) : (low, middle - 1);
        }

        return ~low;
    }

    private void LinkNewest(int entry)
    {
        ref var replica = ref _replicas[_entries[entry].Replica];
        (_entries[entry].Newer, _entries[entry].Older) = (None, replica.Newest);
        if (replica.Newest == None)
        {
            replica.Oldest = entry;
        }
        else
        {
            _entries[replica.Newest].Newer = entry;
        }

        replica.Newest = entry;
    }

    private void Unlink(int entry)
    {
        var (newer, older) = (_entries[entry].Newer, _entries[entry].Older);
        ref var replica = ref _replicas[_entries[entry].Replica];
        if (newer == None)
        {
            replica.Newest = older;
        }
        else
        {
            _entries[newer].Older = older;
        }

        if (older == None)
        {
            replica.Oldest = newer;
        }
        else
        {
            _entries[older].Newer = newer;
        }
    }
}
