namespace TorchKv.Structured.Automata;

/// <content>Equivalences that keep repetitions few.</content>
internal sealed partial class RegexFactory
{
    // From so many repetitions on, equal ones are looked up rather than compared one with another.
    private const int ManyRepetitions = 12;

    // x{a,b}t | x{c,d}t is x{min,max}t where the two ranges overlap or touch.
    private void MergeRepetitions(List<RegexNode> parts)
    {
        var repetitions = 0;
        foreach (var part in parts)
        {
            repetitions += Head(part).Kind == RegexKind.Repeat ? 1 : 0;
        }

        if (repetitions < 2)
        {
            return;
        }

        // For each head and tail the last part; compared one by one where there are few.
        var known = repetitions >= ManyRepetitions ? new Dictionary<(RegexNode, RegexNode), int>() : null;
        var isMerged = false;
        for (var i = 0; i < parts.Count; i++)
        {
            var head = Head(parts[i]);
            if (head.Kind != RegexKind.Repeat)
            {
                continue;
            }

            var (child, tail) = (head.Children[0], Tail(parts[i]));
            var other = known is null ? IndexOfRepetition(parts, i, child, tail)
                : known.TryGetValue((child, tail), out var at) ? at : -1;
            if (other >= 0)
            {
                var otherHead = Head(parts[other]);
                if (Math.Max((long)head.Min, otherHead.Min) <= Math.Min((long)head.Max, otherHead.Max) + 1)
                {
                    parts[other] = Concat(
                        Repeat(child, Math.Min(head.Min, otherHead.Min), Math.Max(head.Max, otherHead.Max)), tail);
                    parts[i] = Nothing;
                    isMerged = true;
                }
            }
            else
            {
                known?.Add((child, tail), i);
            }
        }

        if (isMerged)
        {
            parts.RemoveAll(part => part == Nothing);
            SortOut(parts);
        }
    }

    private int IndexOfRepetition(List<RegexNode> parts, int end, RegexNode child, RegexNode tail)
    {
        for (var i = 0; i < end; i++)
        {
            var head = Head(parts[i]);
            if (head.Kind == RegexKind.Repeat && head.Children[0] == child && Tail(parts[i]) == tail)
            {
                return i;
            }
        }

        return -1;
    }

    private static RegexNode Head(RegexNode part) => part.Kind == RegexKind.Concat ? part.Children[0] : part;

    private RegexNode Tail(RegexNode part) => part.Kind == RegexKind.Concat ? part.Children[1] : Empty;

    // x{a,b} & y{c,d} is x{max,min} where x is within y and no text of y begins another: a text is so many of y in one
    // way.
    private void MergeCounts(List<RegexNode> parts)
    {
        RegexNode[] repeats = parts.Count < 2 ? []
            : [.. parts.FindAll(static part => part.Kind == RegexKind.Repeat)];
        if (repeats.Length < 2)
        {
            return;
        }

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
                    repeats[i] = Repeat(
                        inner.Children[0], Math.Max(inner.Min, outer.Min), Math.Min(inner.Max, outer.Max));
                    parts.Add(repeats[i]);
                    if (repeats[i].Kind != RegexKind.Repeat)
                    {
                        SortOut(parts);
                        return;
                    }
                }
            }
        }

        SortOut(parts);
    }
}
