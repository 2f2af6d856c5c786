namespace TorchKv.Structured.Automata;

/// <summary>Cuts byte sets that overlap into disjoint ones.</summary>
internal static class ByteGroups
{
    /// <summary>So many branches are told by the bits of a number.</summary>
    public const int Few = 64;

    /// <summary>As <see cref="Of"/>, for <see cref="Few"/> branches at most: bit i stands for branch i.</summary>
    public static List<(ByteSet Bytes, ulong Branches)> OfFew(ReadOnlySpan<RegexBranch> branches)
    {
        var groups = new List<(ByteSet Bytes, ulong Branches)>(branches.Length + 4);
        for (var i = 0; i < branches.Length; i++)
        {
            var left = branches[i].Bytes;
            var count = groups.Count;
            for (var g = 0; g < count && !left.IsEmpty; g++)
            {
                var group = groups[g];
                var common = group.Bytes & left;
                if (common.IsEmpty)
                {
                    continue;
                }

                left &= ~common;
                var outside = group.Bytes & ~common;
                if (!outside.IsEmpty)
                {
                    groups.Add((outside, group.Branches));
                }

                groups[g] = (common, group.Branches | (1UL << i));
            }

            if (!left.IsEmpty)
            {
                groups.Add((left, 1UL << i));
            }
        }

        return groups;
    }

    /// <summary>
    /// The disjoint sets that the branches' sets are made of, each with the numbers of the branches that hold it.
    /// </summary>
    public static List<(ByteSet Bytes, List<int> Branches)> Of(ReadOnlySpan<RegexBranch> branches)
    {
        var groups = new List<(ByteSet Bytes, List<int> Branches)>();
        for (var i = 0; i < branches.Length; i++)
        {
            var left = branches[i].Bytes;
            var count = groups.Count;
            for (var g = 0; g < count && !left.IsEmpty; g++)
            {
                var common = groups[g].Bytes & left;
                if (common.IsEmpty)
                {
                    continue;
                }

                left &= ~common;
                var outside = groups[g].Bytes & ~common;
                if (!outside.IsEmpty)
                {
                    groups.Add((outside, [.. groups[g].Branches]));
                    groups[g] = (common, groups[g].Branches);
                }

                groups[g].Branches.Add(i);
            }

            if (!left.IsEmpty)
            {
                groups.Add((left, [i]));
            }
        }

        return groups;
    }
}
