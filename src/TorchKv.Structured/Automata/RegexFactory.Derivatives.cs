using System.Runtime.CompilerServices;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Structured.Automata;

/// <content>Derivatives: what may follow a first byte.</content>
internal sealed partial class RegexFactory
{
    // A search for a text that an expression matches looks at so many expressions at most.
    private const int LongestSearch = 20_000;

    /// <summary>
    /// What may follow each first byte. The byte sets of the branches are disjoint; bytes after which nothing can match
    /// are in none of them, except where <see cref="RegexNode.HasBoolean"/> hides it.
    /// </summary>
    public RegexBranch[] Branches(RegexNode node)
    {
        if (node.Branches is { } known)
        {
            return known;
        }

        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new ConstraintException(
                "The constraint is too complex: its expressions are nested too deeply.", keyword: "depth");
        }

        return node.Branches = node.Kind switch
        {
            RegexKind.Bytes => [new RegexBranch(node.Bytes, Empty)],
            RegexKind.Concat => OfConcat(node.Children[0], node.Children[1]),
            RegexKind.Or => Merge(Array.ConvertAll(node.Children, Branches)),
            RegexKind.And => OfAnd(node.Children),
            RegexKind.Not => OfNot(node.Children[0]),
            RegexKind.Repeat => OfRepeat(node),
            _ => [],
        };
    }

    /// <summary>What must follow one byte.</summary>
    public RegexNode Derivative(RegexNode node, byte value)
    {
        foreach (var branch in Branches(node))
        {
            if (branch.Bytes.Contains(value))
            {
                return branch.Rest;
            }
        }

        return Nothing;
    }

    /// <summary>Whether no text at all matches.</summary>
    /// <exception cref="ConstraintException">It could not be found out within the limits.</exception>
    public bool MatchesNothing(RegexNode node)
    {
        if (!node.HasBoolean)
        {
            return node == Nothing;
        }

        if (node.KnownToMatchNothing is { } known)
        {
            return known;
        }

        if (MatchesSurely(node))
        {
            node.KnownToMatchNothing = false;
            return false;
        }

        var parents = new Dictionary<RegexNode, RegexNode?> { [node] = null };
        var pending = new Queue<RegexNode>();
        pending.Enqueue(node);
        while (pending.TryDequeue(out var next))
        {
            // What is known ends the search where it is first seen, so that few derivatives are computed.
            foreach (var branch in Branches(next))
            {
                if (MatchesSurely(branch.Rest))
                {
                    // All that lies on the way here matches something too.
                    branch.Rest.KnownToMatchNothing = false;
                    for (RegexNode? on = next; on is not null; on = parents[on])
                    {
                        on.KnownToMatchNothing = false;
                    }

                    return false;
                }

                if (branch.Rest.KnownToMatchNothing != true && parents.TryAdd(branch.Rest, next))
                {
                    pending.Enqueue(branch.Rest);
                }
            }

            if (parents.Count > LongestSearch)
            {
                throw new ConstraintException(
                    "The constraint is too complex: no text was found that an intersection of its expressions matches, "
                    + $"among {LongestSearch} states.",
                    keyword: "intersection");
            }
        }

        foreach (var seen in parents.Keys)
        {
            seen.KnownToMatchNothing = true;
        }

        return true;
    }

    // Whether it is plain, without a search, that a text matches.
    private bool MatchesSurely(RegexNode node) => node.IsNullable || node.KnownToMatchNothing == false
        || (!node.HasBoolean && node != Nothing);

    /// <summary>Whether every text that one expression matches is matched by another.</summary>
    public bool Contains(RegexNode outer, RegexNode inner)
        => outer == inner || MatchesNothing(And(inner, Not(outer)));

    // Whether no text of an expression begins another of its texts; false also where that is not found out quickly.
    private bool IsPrefixCode(RegexNode node)
    {
        if (_prefixCodes.TryGetValue(node, out var known))
        {
            return known;
        }

        const int Longest = 200;
        var seen = new HashSet<RegexNode> { node };
        var pending = new Stack<RegexNode>([node]);
        known = !node.HasBoolean;
        while (known && pending.TryPop(out var next))
        {
            known = (!next.IsNullable || next == Empty) && seen.Count <= Longest;
            foreach (var branch in known ? Branches(next) : [])
            {
                if (seen.Add(branch.Rest))
                {
                    pending.Push(branch.Rest);
                }
            }
        }

        _prefixCodes.Add(node, known);
        return known;
    }

    private RegexBranch[] OfConcat(RegexNode first, RegexNode second)
    {
        if (first.Kind == RegexKind.Bytes)
        {
            return [new RegexBranch(first.Bytes, second)];
        }

        var branches = Followed(Branches(first), second);
        return first.IsNullable ? Merge([branches, Branches(second)]) : branches;
    }

    private RegexBranch[] OfRepeat(RegexNode node)
    {
        var max = node.Max == RegexNode.Unbounded ? RegexNode.Unbounded : node.Max - 1;
        return Followed(Branches(node.Children[0]), Repeat(node.Children[0], Math.Max(node.Min - 1, 0), max));
    }

    private RegexBranch[] Followed(RegexBranch[] branches, RegexNode next)
    {
        // Neither part is Nothing, so that none of the results is.
        var followed = new RegexBranch[branches.Length];
        for (var i = 0; i < branches.Length; i++)
        {
            followed[i] = new RegexBranch(branches[i].Bytes, Concat(branches[i].Rest, next));
        }

        return followed;
    }

    private RegexBranch[] OfNot(RegexNode part)
    {
        var covered = default(ByteSet);
        var branches = new List<RegexBranch>();
        foreach (var branch in Branches(part))
        {
            covered |= branch.Bytes;
            var rest = Not(branch.Rest);
            if (rest != Nothing)
            {
                branches.Add(new RegexBranch(branch.Bytes, rest));
            }
        }

        if (covered != ByteSet.All)
        {
            branches.Add(new RegexBranch(~covered, AnyBytes));
        }

        return [.. branches];
    }

    private RegexBranch[] OfAnd(RegexNode[] parts)
    {
        var branches = Branches(parts[0]);
        var found = new List<RegexBranch>();
        for (var i = 1; i < parts.Length && branches.Length > 0; i++)
        {
            found.Clear();
            foreach (var a in branches)
            {
                foreach (var b in Branches(parts[i]))
                {
                    var bytes = a.Bytes & b.Bytes;
                    if (!bytes.IsEmpty && And(a.Rest, b.Rest) is var rest && rest != Nothing)
                    {
                        AddTo(found, new RegexBranch(bytes, rest));
                    }
                }
            }

            branches = [.. found];
        }

        return branches;
    }

    private static void AddTo(List<RegexBranch> branches, RegexBranch added)
    {
        for (var i = 0; i < branches.Count; i++)
        {
            if (branches[i].Rest == added.Rest)
            {
                branches[i] = new RegexBranch(branches[i].Bytes | added.Bytes, added.Rest);
                return;
            }
        }

        branches.Add(added);
    }

    // For each byte any of the rests of all branches that it is in; bytes with the same rests become one branch.
    private RegexBranch[] Merge(RegexBranch[][] lists)
    {
        var total = 0;
        foreach (var list in lists)
        {
            total += list.Length;
        }

        var all = new RegexBranch[total];
        var (at, covered, overlap) = (0, default(ByteSet), false);
        foreach (var list in lists)
        {
            foreach (var branch in list)
            {
                overlap |= !(covered & branch.Bytes).IsEmpty;
                covered |= branch.Bytes;
                all[at++] = branch;
            }
        }

        if (!overlap)
        {
            return all;
        }

        var merged = new List<RegexBranch>();
        var rests = Rent();
        if (total <= ByteGroups.Few)
        {
            foreach (var (bytes, branches) in ByteGroups.OfFew(all))
            {
                for (var left = branches; left != 0; left &= left - 1)
                {
                    rests.Add(all[System.Numerics.BitOperations.TrailingZeroCount(left)].Rest);
                }

                AddGroup(bytes);
            }
        }
        else
        {
            foreach (var (bytes, branches) in ByteGroups.Of(all))
            {
                foreach (var i in branches)
                {
                    rests.Add(all[i].Rest);
                }

                AddGroup(bytes);
            }
        }

        Return(rests);
        return [.. merged];

        void AddGroup(ByteSet bytes)
        {
            var rest = rests.Count == 1 ? rests[0]
                : Or(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(rests));
            AddTo(merged, new RegexBranch(bytes, rest));
            rests.Clear();
        }
    }
}
