namespace TorchKv.Structured.Masks;

/// <summary>
/// The tokens of a set as a tree over their bytes, laid flat in depth-first order. Node 0 is the root, of the empty
/// text.
/// </summary>
internal sealed class TokenTrie
{
    /// <param name="tokens">The tokens' ids and bytes. None is empty; several may have the same bytes.</param>
    public TokenTrie(List<(int Id, byte[] Bytes)> tokens)
    {
        tokens.Sort(static (a, b) =>
            a.Bytes.AsSpan().SequenceCompareTo(b.Bytes) is var order && order != 0
                ? order
                : a.Id.CompareTo(b.Id));
        Tokens = [.. tokens.Select(token => token.Id)];
        var labels = new List<byte> { 0 };
        var depths = new List<ushort> { 0 };
        var first = new List<int> { 0 };
        byte[] path = [];
        for (var t = 0; t < tokens.Count; t++)
        {
            var bytes = tokens[t].Bytes;
            var common = bytes.AsSpan().CommonPrefixLength(path);
            for (var depth = common; depth < bytes.Length; depth++)
            {
                labels.Add(bytes[depth]);
                depths.Add((ushort)(depth + 1));
                first.Add(t);
            }

            path = bytes;
        }

        // A node's own tokens come first among those of its subtree; the next node's begin behind them.
        first.Add(tokens.Count);
        (Labels, Depths, FirstToken) = ([.. labels], [.. depths], [.. first]);

        Ends = new int[Labels.Length];
        var open = new Stack<int>();
        for (var node = 0; node < Labels.Length; node++)
        {
            Close(node);
            open.Push(node);
        }

        Close(Labels.Length);
        CountCharacters();
        Nodes = new TrieNode[Labels.Length];
        for (var node = 0; node < Nodes.Length; node++)
        {
            // A node without a token names its subtree's first one, so that writes to a mask are spread.
            Nodes[node] = new TrieNode(
                Ends[node],
                FirstToken[node] < Tokens.Length ? Tokens[FirstToken[node]] : 0,
                Depths[node],
                Characters[node],
                LongestBelow[node],
                Labels[node],
                (byte)Math.Min(FirstToken[node + 1] - FirstToken[node], 2));
        }

        void Close(int next)
        {
            var depth = next < Labels.Length ? Depths[next] : 0;
            while (open.Count > 0 && (next == Labels.Length || Depths[open.Peek()] >= depth))
            {
                Ends[open.Pop()] = next;
            }
        }
    }

    /// <summary>Number of nodes.</summary>
    public int Count => Labels.Length;

    /// <summary>The nodes, for walks through all of them.</summary>
    public TrieNode[] Nodes { get; }

    /// <summary>For each node its last byte.</summary>
    public byte[] Labels { get; }

    /// <summary>For each node its number of bytes.</summary>
    public ushort[] Depths { get; }

    /// <summary>For each node the first node behind its subtree.</summary>
    public int[] Ends { get; }

    /// <summary>
    /// For each node the index in <see cref="Tokens"/> of the first token of its subtree. Its own tokens reach up to
    /// the next node's; its subtree's up to those of the node at <see cref="Ends"/>.
    /// </summary>
    public int[] FirstToken { get; }

    /// <summary>The ids, in the order of the nodes.</summary>
    public int[] Tokens { get; }

    /// <summary>For each node the number of characters that are complete.</summary>
    public ushort[] Characters { get; private set; } = [];

    /// <summary>For each node the characters of the longest token of its subtree.</summary>
    public ushort[] LongestBelow { get; private set; } = [];

    /// <summary>The tokens of the nodes from one to another; the latter's are not among them.</summary>
    public ReadOnlySpan<int> TokensBetween(int node, int end)
        => Tokens.AsSpan(FirstToken[node], FirstToken[end] - FirstToken[node]);

    /// <summary>The node after one byte; −1: there is none.</summary>
    public int Child(int node, byte value)
    {
        for (var child = node + 1; child < Ends[node]; child = Ends[child])
        {
            if (Labels[child] == value)
            {
                return child;
            }
        }

        return -1;
    }

    /// <summary>The longest token with which a text begins; the length 0: there is none.</summary>
    public (int Id, int Length) Longest(ReadOnlySpan<byte> text)
    {
        var (id, length, node) = (0, 0, 0);
        for (var i = 0; i < text.Length && (node = Child(node, text[i])) > 0; i++)
        {
            if (FirstToken[node] < FirstToken[node + 1])
            {
                (id, length) = (Tokens[FirstToken[node]], i + 1);
            }
        }

        return (id, length);
    }

    private void CountCharacters()
    {
        Characters = new ushort[Count];
        LongestBelow = new ushort[Count];
        var path = new List<int>();
        var missing = new int[Count];
        for (var node = 1; node < Count; node++)
        {
            path.RemoveRange(Math.Min(path.Count, Depths[node] - 1), Math.Max(0, path.Count - Depths[node] + 1));
            var parent = path.Count > 0 ? path[^1] : 0;
            path.Add(node);
            missing[node] = missing[parent] > 0
                ? missing[parent] - 1
                : Labels[node] switch { < 0xC0 => 0, < 0xE0 => 1, < 0xF0 => 2, _ => 3 };
            Characters[node] = (ushort)(Characters[parent] + (missing[node] == 0 ? 1 : 0));
            foreach (var above in path)
            {
                LongestBelow[above] = Math.Max(LongestBelow[above], Characters[node]);
            }

            LongestBelow[0] = Math.Max(LongestBelow[0], Characters[node]);
        }
    }
}
