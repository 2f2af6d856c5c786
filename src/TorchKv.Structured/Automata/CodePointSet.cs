using System.Globalization;

namespace TorchKv.Structured.Automata;

/// <summary>
/// A set of Unicode scalar values, as sorted ranges that neither touch nor overlap. Surrogates are never in it.
/// </summary>
internal sealed class CodePointSet : IEquatable<CodePointSet>
{
    private const int LastCodePoint = 0x10FFFF;

    private static readonly Lazy<CodePointSet[]> s_categories = new(ReadCategories);

    private readonly (int First, int Last)[] _ranges;

    private CodePointSet((int First, int Last)[] ranges) => _ranges = ranges;

    public static CodePointSet None { get; } = new([]);

    /// <summary>Every scalar value.</summary>
    public static CodePointSet All { get; } = Of((0, LastCodePoint));

    /// <summary>The ranges, in ascending order, first and last value included.</summary>
    public ReadOnlySpan<(int First, int Last)> Ranges => _ranges;

    public bool IsEmpty => _ranges.Length == 0;

    public static CodePointSet Of(int codePoint) => Of((codePoint, codePoint));

    /// <summary>The union of ranges in any order; what they hold of surrogates is left out.</summary>
    public static CodePointSet Of(params ReadOnlySpan<(int First, int Last)> ranges)
    {
        var parts = new List<(int First, int Last)>(ranges.Length + 1);
        foreach (var (first, last) in ranges)
        {
            Add(first, Math.Min(last, 0xD7FF));
            Add(Math.Max(first, 0xE000), last);
        }

        parts.Sort();
        var merged = new List<(int First, int Last)>(parts.Count);
        foreach (var part in parts)
        {
            if (merged.Count > 0 && part.First <= merged[^1].Last + 1)
            {
                merged[^1] = (merged[^1].First, Math.Max(merged[^1].Last, part.Last));
            }
            else
            {
                merged.Add(part);
            }
        }

        return merged.Count == 0 && None is { } none ? none : new CodePointSet([.. merged]);

        void Add(int first, int last)
        {
            if (first <= last)
            {
                parts.Add((first, last));
            }
        }
    }

    /// <summary>The scalar values of a general category of Unicode.</summary>
    public static CodePointSet Of(UnicodeCategory category) => s_categories.Value[(int)category];

    public CodePointSet Union(CodePointSet other) => Of([.. _ranges, .. other._ranges]);

    public CodePointSet Intersect(CodePointSet other) => Complement().Union(other.Complement()).Complement();

    public CodePointSet Except(CodePointSet other) => Intersect(other.Complement());

    /// <summary>All scalar values that are not in this set.</summary>
    public CodePointSet Complement()
    {
        var ranges = new List<(int First, int Last)>(_ranges.Length + 1);
        var next = 0;
        foreach (var (first, last) in _ranges)
        {
            ranges.Add((next, first - 1));
            next = last + 1;
        }

        ranges.Add((next, LastCodePoint));
        return Of([.. ranges.Where(range => range.First <= range.Last)]);
    }

    public bool Contains(int codePoint)
    {
        var (low, high) = (0, _ranges.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (codePoint < _ranges[middle].First)
            {
                high = middle - 1;
            }
            else if (codePoint > _ranges[middle].Last)
            {
                low = middle + 1;
            }
            else
            {
                return true;
            }
        }

        return false;
    }

    public bool Equals(CodePointSet? other) => other is not null && _ranges.AsSpan().SequenceEqual(other._ranges);

    public override bool Equals(object? obj) => Equals(obj as CodePointSet);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var (first, last) in _ranges)
        {
            hash.Add(first);
            hash.Add(last);
        }

        return hash.ToHashCode();
    }

    private static CodePointSet[] ReadCategories()
    {
        var ranges = new List<(int First, int Last)>[(int)UnicodeCategory.OtherNotAssigned + 1];
        for (var i = 0; i < ranges.Length; i++)
        {
            ranges[i] = [];
        }

        for (var code = 0; code <= LastCodePoint; code++)
        {
            var list = ranges[(int)CharUnicodeInfo.GetUnicodeCategory(code)];
            if (list.Count > 0 && list[^1].Last == code - 1)
            {
                list[^1] = (list[^1].First, code);
            }
            else
            {
                list.Add((code, code));
            }
        }

        return [.. ranges.Select(list => Of([.. list]))];
    }
}
