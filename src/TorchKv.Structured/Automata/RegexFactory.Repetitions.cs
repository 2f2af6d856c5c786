namespace TorchKv.Structured.Automata;

/// <content>Equivalences that keep repetitions few.</content>
internal sealed partial class RegexFactory
{
    // x{a,b}t | x{c,d}t is x{min,max}t where the two ranges overlap or touch.
    private void MergeRepetitions(HashSet<RegexNode> parts)
    {
        if (parts.Count < 2)
        {
            return;
        }

        Dictionary<(RegexNode, RegexNode), RegexNode>? seen = null;
        foreach (var part in parts.ToArray())
        {
            var (head, tail) = part.Kind == RegexKind.Concat ? (part.Children[0], part.Children[1]) : (part, Empty);
            if (head.Kind != RegexKind.Repeat)
            {
                continue;
            }

            seen ??= [];
            var key = (head.Children[0], tail);
            if (!seen.TryGetValue(key, out var other))
            {
                seen.Add(key, part);
                continue;
            }

            var otherHead = other.Kind == RegexKind.Concat ? other.Children[0] : other;
            if (Math.Max((long)head.Min, otherHead.Min) <= Math.Min((long)head.Max, otherHead.Max) + 1)
            {
                var merged = Concat(
                    Repeat(head.Children[0], Math.Min(head.Min, otherHead.Min), Math.Max(head.Max, otherHead.Max)), tail);
                parts.Remove(part);
                parts.Remove(other);
                parts.Add(merged);
                seen[key] = merged;
            }
        }
    }

    // x{a,b} & y{c,d} is x{max,min} where x is within y and no text of y begins another: a text is so many of y in one
    // way.
    private void MergeCounts(HashSet<RegexNode> parts)
    {
        if (parts.Count(part => part.Kind == RegexKind.Repeat) < 2)
        {
            return;
        }

        RegexNode[] repeats = [.. parts.Where(part => part.Kind == RegexKind.Repeat)];
        for (var i = 0; i < repeats.Length; i++)
        {
            for (var j = 0; j < repeats.Length; j++)
            {
                var (inner, outer) = (repeats[i], repeats[j]);
                if (i != j && parts.Contains(inner) && parts.Contains(outer) && IsPrefixCode(outer.Children[0])
                    && Contains(outer.Children[0], inner.Children[0]))
                {
                    parts.Remove(inner);
                    parts.Remove(outer);
                    repeats[i] = Repeat(inner.Children[0], Math.Max(inner.Min, outer.Min), Math.Min(inner.Max, outer.Max));
                    parts.Add(repeats[i]);
                    if (repeats[i].Kind != RegexKind.Repeat)
                    {
                        return;
                    }
                }
            }
        }
    }
}
