using System.Runtime.InteropServices;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Automata;

namespace TorchKv.Structured.Parsing;

/// <summary>Sets of members, numbered as they come up. Set 0 is the empty set.</summary>
internal sealed class MemberSets
{
    private readonly WorkLimits _limits;

    // A set is its bits in numbers of 32, without zeros at the end.
    private readonly SequenceTable _sets = new();
    private readonly List<int> _bits = [];

    public MemberSets(WorkLimits limits)
    {
        _limits = limits;
        _sets.Add([], out _);
    }

    /// <summary>Bytes that the sets take.</summary>
    public long Bytes => _sets.Bytes;

    /// <summary>Whether a member is in a set.</summary>
    public bool Has(int set, int member)
    {
        var bits = _sets[set];
        return member / 32 < bits.Length && (bits[member / 32] >> (member % 32) & 1) != 0;
    }

    /// <summary>The set with one member more.</summary>
    /// <exception cref="ConstraintException">There are too many sets.</exception>
    public int With(int set, int member)
    {
        _bits.Clear();
        _bits.AddRange(_sets[set]);
        while (_bits.Count <= member / 32)
        {
            _bits.Add(0);
        }

        _bits[member / 32] |= 1 << (member % 32);
        var with = _sets.Add(CollectionsMarshal.AsSpan(_bits), out _);
        return with < _limits.ParserRows
            ? with
            : throw new ConstraintException(
                $"The grammar is too complex: its properties come in more than {_limits.ParserRows} combinations.",
                keyword: "property order");
    }
}
