using System.Numerics;

namespace TorchKv.Cluster.Routing;

/// <summary>
/// The least of many loads, found and changed in O(log n): a tree in which every node has the lesser load of its two
/// children. Not thread-safe.
/// </summary>
internal sealed class LoadTree
{
    /// <summary>The load of one that must not be found.</summary>
    public const long Absent = long.MaxValue;

    private long[] _nodes = [Absent, Absent];
    private int _leaves = 1;

    /// <summary>Sets the load of one.</summary>
    public void Set(int index, long load)
    {
        Grow(index + 1);
        var node = _leaves + index;
        _nodes[node] = load;
        for (node /= 2; node >= 1; node /= 2)
        {
            var least = Math.Min(_nodes[2 * node], _nodes[(2 * node) + 1]);
            if (_nodes[node] == least)
            {
                break;
            }

            _nodes[node] = least;
        }
    }

    /// <summary>One with the least load; −1 where all are absent.</summary>
    /// <param name="key">Chooses among equal ones: the same key and loads give the same one.</param>
    public int Least(ulong key)
    {
        if (_nodes[1] == Absent)
        {
            return -1;
        }

        var node = 1;
        while (node < _leaves)
        {
            var (left, right) = (_nodes[2 * node], _nodes[(2 * node) + 1]);
            var goRight = left == right ? (key & 1) != 0 : right < left;
            key = BitOperations.RotateRight(key, 1);
            node = (2 * node) + (goRight ? 1 : 0);
        }

        return node - _leaves;
    }

    private void Grow(int count)
    {
        if (count <= _leaves)
        {
            return;
        }

        var old = _nodes.AsSpan(_leaves, _leaves);
        var leaves = (int)BitOperations.RoundUpToPowerOf2((uint)count);
        var nodes = new long[2 * leaves];
        Array.Fill(nodes, Absent);
        old.CopyTo(nodes.AsSpan(leaves));
        for (var node = leaves - 1; node >= 1; node--)
        {
            nodes[node] = Math.Min(nodes[2 * node], nodes[(2 * node) + 1]);
        }

        (_nodes, _leaves) = (nodes, leaves);
    }
}
