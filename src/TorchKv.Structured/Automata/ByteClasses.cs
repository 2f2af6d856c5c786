namespace TorchKv.Structured.Automata;

/// <summary>Bytes that no expression tells apart are one class, so that rows of transitions are short.</summary>
internal sealed class ByteClasses
{
    private readonly byte[] _classOf = new byte[256];
    private readonly Dictionary<ByteSet, byte[]> _classesOf = [];

    /// <param name="roots">The expressions; their derivatives need no other classes.</param>
    public ByteClasses(ReadOnlySpan<RegexNode> roots)
    {
        var sets = new HashSet<ByteSet>();
        var seen = new HashSet<RegexNode>();
        var pending = new Stack<RegexNode>();
        foreach (var root in roots)
        {
            pending.Push(root);
        }

        while (pending.TryPop(out var node))
        {
            if (!seen.Add(node))
            {
                continue;
            }

            if (node.Kind == RegexKind.Bytes)
            {
                sets.Add(node.Bytes);
            }

            foreach (var child in node.Children)
            {
                pending.Push(child);
            }
        }

        Count = 1;
        Span<int> split = stackalloc int[256];
        Span<int> inside = stackalloc int[256];
        Span<int> size = stackalloc int[256];
        foreach (var set in sets)
        {
            if (Count == 256)
            {
                break;
            }

            // The part of a class that lies in the set becomes a class of its own, unless it is the whole class.
            inside.Clear();
            size.Clear();
            for (var value = 0; value < 256; value++)
            {
                size[_classOf[value]]++;
                inside[_classOf[value]] += set.Contains((byte)value) ? 1 : 0;
            }

            split.Fill(-1);
            for (var value = set.Next(0); value >= 0; value = set.Next(value + 1))
            {
                var old = _classOf[value];
                if (inside[old] < size[old])
                {
                    if (split[old] < 0)
                    {
                        split[old] = Count++;
                    }

                    _classOf[value] = (byte)split[old];
                }
            }
        }

        Representatives = new byte[Count];
        Sizes = new int[Count];
        for (var value = 255; value >= 0; value--)
        {
            Representatives[_classOf[value]] = (byte)value;
            Sizes[_classOf[value]]++;
        }
    }

    /// <summary>Number of classes.</summary>
    public int Count { get; }

    /// <summary>The smallest byte of each class.</summary>
    public byte[] Representatives { get; }

    /// <summary>Number of bytes of each class.</summary>
    public int[] Sizes { get; }

    /// <summary>The class of each byte value.</summary>
    public ReadOnlySpan<byte> ClassOf => _classOf;

    /// <summary>The classes of which a set of the expressions, or an intersection of such sets, consists.</summary>
    public byte[] Of(ByteSet bytes)
    {
        if (!_classesOf.TryGetValue(bytes, out var classes))
        {
            classes = [.. Enumerable.Range(0, Count).Where(c => bytes.Contains(Representatives[c])).Select(c => (byte)c)];
            _classesOf.Add(bytes, classes);
        }

        return classes;
    }
}
