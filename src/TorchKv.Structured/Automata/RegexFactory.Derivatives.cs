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
            throw new ConstraintException("The constraint is too complex: its expressions are nested too deeply.", keyword: "depth");
        }

        return node.Branches = node.Kind switch
        {
            RegexKind.Bytes => [new RegexBranch(node.Bytes, Empty)],
            RegexKind.Concat => OfConcat(node.Children[0], node.Children[1]),
            RegexKind.Or => Union(node.Children),
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

        var parents = new Dictionary<RegexNode, RegexNode?> { [node] = null };
        var pending = new Queue<RegexNode>();
        pending.Enqueue(node);
        while (pending.TryDequeue(out var next))
        {
            if (next.IsNullable || next.KnownToMatchNothing == false || (!next.HasBoolean && next != Nothing))
            {
                // All that lies on the way here matches something too.
                for (RegexNode? on = next; on is not null; on = parents[on])
                {
                    on.KnownToMatchNothing = false;
                }

                return false;
            }

            if (next.KnownToMatchNothing == true)
            {
                continue;
            }

            foreach (var branch in Branches(next))
            {
                if (parents.TryAdd(branch.Rest, next))
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

    /// <summary>Whether every text that one expression matches is matched by another.</summary>
    public bool Contains(RegexNode outer, RegexNode inner)
        => outer == inner || MatchesNothing(And(inner, Not(outer)));

    private RegexBranch[] OfConcat(RegexNode first, RegexNode second)
    {
        var branches = Map(Branches(first), rest => Concat(rest, second));
        return first.IsNullable ? Merge([branches, Branches(second)], parts => Or(parts)) : branches;
    }

    private RegexBranch[] OfRepeat(RegexNode node)
    {
        var max = node.Max == RegexNode.Unbounded ? RegexNode.Unbounded : node.Max - 1;
        var again = Repeat(node.Children[0], Math.Max(node.Min - 1, 0), max);
        return Map(Branches(node.Children[0]), rest => Concat(rest, again));
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
        for (var i = 1; i < parts.Length && branches.Length > 0; i++)
        {
            var found = new Dictionary<RegexNode, ByteSet>();
            foreach (var a in branches)
            {
                foreach (var b in Branches(parts[i]))
                {
                    var bytes = a.Bytes & b.Bytes;
                    if (!bytes.IsEmpty && And(a.Rest, b.Rest) is var rest && rest != Nothing)
                    {
                        found[rest] = found.GetValueOrDefault(rest) | bytes;
                    }
                }
            }

            branches = [.. found.Select(pair => new RegexBranch(pair.Value, pair.Key))];
        }

        return branches;
    }

    private RegexBranch[] Union(RegexNode[] parts) => Merge(Array.ConvertAll(parts, Branches), nodes => Or(nodes));

    private RegexBranch[] Map(RegexBranch[] branches, Func<RegexNode, RegexNode> change)
        => [.. branches.Select(branch => new RegexBranch(branch.Bytes, change(branch.Rest))).Where(b => b.Rest != Nothing)];

    // For each byte the rests of all branches that it is in; bytes with the same rests become one branch.
    private static RegexBranch[] Merge(RegexBranch[][] lists, Func<RegexNode[], RegexNode> join)
    {
        if (lists.Count(list => list.Length > 0) <= 1)
        {
            return lists.FirstOrDefault(list => list.Length > 0) ?? [];
        }

        var all = lists.SelectMany(list => list).ToArray();
        var groups = new Dictionary<RegexNode, ByteSet>();
        var byRests = new Dictionary<RestsKey, RegexNode>();
        foreach (var group in ByteGroups.Of(all))
        {
            var key = new RestsKey(group.Branches.Select(i => all[i].Rest).Distinct().OrderBy(node => node.Id));
            if (!byRests.TryGetValue(key, out var rest))
            {
                rest = key.Nodes.Length == 1 ? key.Nodes[0] : join(key.Nodes);
                byRests.Add(key, rest);
            }

            groups[rest] = groups.GetValueOrDefault(rest) | group.Bytes;
        }

        return [.. groups.Select(pair => new RegexBranch(pair.Value, pair.Key))];
    }
}
