using System.Text;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Structured.Automata;

/// <summary>
/// Makes regular expressions over bytes. Equal expressions are one object, and simple equivalences are applied, so that
/// derivatives stay few. One thread at a time may use a factory.
/// </summary>
/// <remarks>
/// The languages are sets of byte strings. <see cref="Not"/> is the complement among all of them, so that it must be
/// intersected with what is valid text.
/// </remarks>
internal sealed partial class RegexFactory
{
    private readonly Dictionary<RegexKey, RegexNode> _nodes = [];
    private readonly List<RegexNode> _byId = [];
    private readonly Dictionary<CodePointSet, RegexNode> _utf8 = [];
    private readonly Stack<List<RegexNode>> _lists = new();
    private int _compiled;
    private readonly Dictionary<RegexNode, bool> _prefixCodes = [];
    private readonly WorkBudget? _budget;
    private readonly WorkLimits _limits;

    /// <param name="budget">Time for the work until <see cref="EndCompilation"/>; null: no limit of time.</param>
    public RegexFactory(WorkBudget? budget = null)
    {
        _budget = budget;
        _limits = budget?.Limits ?? WorkLimits.Default;
        Nothing = Make(RegexKind.Nothing, default, [], 0, 0, false);
        Empty = Make(RegexKind.Empty, default, [], 0, 0, true);
        AnyBytes = Make(RegexKind.Not, default, [Nothing], 0, 0, true);
    }

    /// <summary>Matches no text.</summary>
    public RegexNode Nothing { get; }

    /// <summary>Matches the empty text.</summary>
    public RegexNode Empty { get; }

    /// <summary>Matches every byte string, text or not.</summary>
    public RegexNode AnyBytes { get; }

    /// <summary>Number of expressions made so far.</summary>
    public int Count => _nodes.Count;

    /// <summary>Whether the compilation is over, so that its deadline no longer counts.</summary>
    public bool CompilationEnded { get; private set; }

    /// <summary>The expression with an <see cref="RegexNode.Id"/>.</summary>
    public RegexNode this[int id] => _byId[id];

    /// <summary>From here on the deadline of the compilation no longer counts; the other limits do.</summary>
    public void EndCompilation() => (CompilationEnded, _compiled) = (true, Count);

    /// <summary>
    /// Forgets all expressions made after <see cref="EndCompilation"/>. Whoever keeps one must not use it any more.
    /// </summary>
    public void ForgetDerivatives()
    {
        _nodes.Clear();
        _byId.RemoveRange(_compiled, _byId.Count - _compiled);
        foreach (var node in _byId)
        {
            node.Branches = null;
            _nodes.Add(new RegexKey(node.Kind, node.Bytes, node.Children, node.Min, node.Max), node);
        }

        _utf8.Clear();
        _prefixCodes.Clear();
    }

    /// <summary>One byte of a set.</summary>
    public RegexNode Bytes(ByteSet bytes)
        => bytes.IsEmpty ? Nothing : Make(RegexKind.Bytes, bytes, [], 0, 0, false);

    /// <summary>The bytes of a text in UTF-8.</summary>
    public RegexNode Literal(string text) => Literal(Encoding.UTF8.GetBytes(text));

    /// <summary>These bytes, in this order.</summary>
    public RegexNode Literal(ReadOnlySpan<byte> bytes)
    {
        var node = Empty;
        for (var i = bytes.Length - 1; i >= 0; i--)
        {
            node = Concat(Bytes(ByteSet.Of(bytes[i])), node);
        }

        return node;
    }

    /// <summary>One scalar value of a set, in UTF-8.</summary>
    public RegexNode CodePoints(CodePointSet set)
    {
        if (!_utf8.TryGetValue(set, out var node))
        {
            node = Utf8Ranges.ToRegex(this, set);
            _utf8.Add(set, node);
        }

        return node;
    }

    /// <summary>The parts one after the other; no part: the empty text.</summary>
    public RegexNode Concat(params ReadOnlySpan<RegexNode> parts)
    {
        var node = Empty;
        for (var i = parts.Length - 1; i >= 0; i--)
        {
            node = Concat(parts[i], node);
        }

        return node;
    }

    /// <summary>What any of the alternatives matches; no alternative: nothing.</summary>
    public RegexNode Or(params ReadOnlySpan<RegexNode> alternatives)
    {
        var parts = Rent();
        var bytes = default(ByteSet);
        foreach (ref readonly var alternative in alternatives)
        {
            // The alternatives of an alternative are none themselves.
            foreach (var part in PartsOf(RegexKind.Or, in alternative))
            {
                if (part.Kind == RegexKind.Bytes)
                {
                    bytes |= part.Bytes;
                }
                else if (part != Nothing)
                {
                    parts.Add(part);
                }
            }
        }

        if (!bytes.IsEmpty)
        {
            parts.Add(Bytes(bytes));
        }

        SortOut(parts);
        MergeRepetitions(parts);
        if (Has(parts, Empty) && parts.Exists(part => part != Empty && part.IsNullable))
        {
            parts.Remove(Empty);
        }

        var node = Has(parts, AnyBytes) ? AnyBytes : parts.Count switch
        {
            0 => Nothing,
            1 => parts[0],
            _ => Make(RegexKind.Or, default, [.. parts], 0, 0, parts.Exists(static part => part.IsNullable)),
        };
        Return(parts);
        return node;
    }

    /// <summary>What all of the parts match; no part: every byte string.</summary>
    public RegexNode And(params ReadOnlySpan<RegexNode> all)
    {
        var parts = Rent();
        ByteSet? bytes = null;
        foreach (ref readonly var one in all)
        {
            foreach (var part in PartsOf(RegexKind.And, in one))
            {
                if (part.Kind == RegexKind.Bytes)
                {
                    bytes = (bytes ?? ByteSet.All) & part.Bytes;
                }
                else if (part != AnyBytes)
                {
                    parts.Add(part);
                }
            }
        }

        if (bytes is { } set)
        {
            parts.Add(Bytes(set));
        }

        SortOut(parts);
        MergeCounts(parts);
        var node = Has(parts, Nothing)
            || parts.Exists(part => part.Kind == RegexKind.Not && Has(parts, part.Children[0]))
            ? Nothing
            : Has(parts, Empty) ? parts.TrueForAll(static part => part.IsNullable) ? Empty : Nothing
            : parts.Count switch
            {
                0 => AnyBytes,
                1 => parts[0],
                _ => Make(RegexKind.And, default, [.. parts], 0, 0, parts.TrueForAll(static part => part.IsNullable)),
            };
        Return(parts);
        return node;
    }

    /// <summary>Every byte string that a part does not match.</summary>
    public RegexNode Not(RegexNode part)
        => part.Kind == RegexKind.Not ? part.Children[0] : Make(RegexKind.Not, default, [part], 0, 0, !part.IsNullable);

    /// <summary>What the first part matches and the second does not.</summary>
    public RegexNode Except(RegexNode part, RegexNode excluded) => And(part, Not(excluded));

    /// <summary>A part, a number of times; it is counted, not written out.</summary>
    /// <param name="part">What is repeated.</param>
    /// <param name="min">How often at least.</param>
    /// <param name="max">How often at most; <see cref="RegexNode.Unbounded"/>: no bound.</param>
    public RegexNode Repeat(RegexNode part, int min, int max = RegexNode.Unbounded)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(min);
        if (max < min)
        {
            return Nothing;
        }

        if (part.IsNullable)
        {
            min = 0;
        }

        if (max == 0 || part == Empty)
        {
            return Empty;
        }

        if (part == Nothing)
        {
            return min == 0 ? Empty : Nothing;
        }

        if ((min == 1 && max == 1) || (part == AnyBytes && max >= 1))
        {
            return part;
        }

        // (x*)* is x*.
        if (part is { Kind: RegexKind.Repeat, Min: 0, Max: RegexNode.Unbounded })
        {
            return part;
        }

        return Make(RegexKind.Repeat, default, [part], min, max, min == 0);
    }

    public RegexNode Star(RegexNode part) => Repeat(part, 0);

    public RegexNode Plus(RegexNode part) => Repeat(part, 1);

    public RegexNode Optional(RegexNode part) => Or(part, Empty);

    // Lists to work in. One is rented while another is in use where making an expression asks for another one.
    private List<RegexNode> Rent() => _lists.TryPop(out var list) ? list : [];

    private void Return(List<RegexNode> list)
    {
        list.Clear();
        _lists.Push(list);
    }

    private static ReadOnlySpan<RegexNode> PartsOf(RegexKind kind, ref readonly RegexNode node) =>
        node.Kind == kind ? node.Children : new ReadOnlySpan<RegexNode>(in node);

    // Whether an expression is among some that are in the order of their numbers.
    private static bool Has(List<RegexNode> parts, RegexNode part)
    {
        var (low, high) = (0, parts.Count);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (parts[middle].Id < part.Id)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low < parts.Count && parts[low] == part;
    }

    // By number, each once.
    private static void SortOut(List<RegexNode> parts)
    {
        parts.Sort(static (a, b) => a.Id.CompareTo(b.Id));
        var kept = 0;
        for (var i = 0; i < parts.Count; i++)
        {
            if (kept == 0 || parts[kept - 1] != parts[i])
            {
                parts[kept++] = parts[i];
            }
        }

        parts.RemoveRange(kept, parts.Count - kept);
    }

    private RegexNode Concat(RegexNode first, RegexNode second)
    {
        if (first == Nothing || second == Nothing)
        {
            return Nothing;
        }

        if (first == Empty)
        {
            return second;
        }

        if (second == Empty)
        {
            return first;
        }

        if (first.Kind == RegexKind.Concat)
        {
            var spine = new List<RegexNode>();
            while (first.Kind == RegexKind.Concat)
            {
                spine.Add(first.Children[0]);
                first = first.Children[1];
            }

            var node = Concat(first, second);
            for (var i = spine.Count - 1; i >= 0; i--)
            {
                node = Concat(spine[i], node);
            }

            return node;
        }

        // x{a,b} x{c,d} is x{a+c,b+d}.
        var (next, rest) = second.Kind == RegexKind.Concat ? (second.Children[0], second.Children[1]) : (second, Empty);
        if (first.Kind == RegexKind.Repeat && next.Kind == RegexKind.Repeat && first.Children[0] == next.Children[0]
            && first.Min <= int.MaxValue - 1 - next.Min)
        {
            return Concat(Repeat(first.Children[0], first.Min + next.Min, Sum(first.Max, next.Max)), rest);
        }

        return first == AnyBytes && next == AnyBytes
            ? second
            : Make(RegexKind.Concat, default, [first, second], 0, 0, first.IsNullable && second.IsNullable);
    }

    private static int Sum(int a, int b) => (int)Math.Min((long)a + b, RegexNode.Unbounded);

    private RegexNode Make(RegexKind kind, ByteSet bytes, RegexNode[] children, int min, int max, bool isNullable)
    {
        var key = new RegexKey(kind, bytes, children, min, max);
        if (_nodes.TryGetValue(key, out var node))
        {
            return node;
        }

        if (_nodes.Count >= _limits.RegexNodes)
        {
            throw new ConstraintException(
                $"The constraint is too complex: it needs more than {_limits.RegexNodes} regular expressions.",
                keyword: "regex nodes");
        }

        if ((_nodes.Count & 255) == 0 && !CompilationEnded)
        {
            _budget?.Check();
        }

        node = new RegexNode(_nodes.Count, kind, bytes, children, min, max, isNullable);
        _nodes.Add(key, node);
        _byId.Add(node);
        return node;
    }
}
