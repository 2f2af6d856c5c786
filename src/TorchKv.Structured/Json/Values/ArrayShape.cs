namespace TorchKv.Structured.Json.Values;

/// <summary>Arrays of one shape.</summary>
/// <param name="Prefix">What the first items are.</param>
/// <param name="Rest">What the items after them are.</param>
/// <param name="Min">The least number of items.</param>
/// <param name="Max">The largest number of items, or <see cref="int.MaxValue"/>.</param>
/// <param name="Contains">What else the items must hold.</param>
internal sealed record ArrayShape(
    IReadOnlyList<Formula> Prefix, Formula Rest, int Min, int Max, IReadOnlyList<ContainsRule> Contains)
{
    /// <summary>What the item at an index is.</summary>
    public Formula At(int index) => index < Prefix.Count ? Prefix[index] : Rest;

    /// <summary>The arrays that have both shapes; null: there is none.</summary>
    public static ArrayShape? Intersect(ArrayShape a, ArrayShape b, FormulaFactory formulas)
    {
        int length = Math.Max(a.Prefix.Count, b.Prefix.Count);
        var prefix = new Formula[length];
        int max = Math.Min(a.Max, b.Max);
        for (int i = 0; i < length; i++)
        {
            prefix[i] = formulas.And(a.At(i), b.At(i));
            if (prefix[i] == formulas.None)
            {
                max = Math.Min(max, i);
            }
        }

        Formula rest = formulas.And(a.Rest, b.Rest);
        if (rest == formulas.None)
        {
            max = Math.Min(max, length);
        }

        int min = Math.Max(a.Min, b.Min);
        return min > max ? null : new ArrayShape(prefix, rest, min, max, [.. a.Contains.Union(b.Contains)]);
    }

    /// <summary>The arrays that do not have this shape.</summary>
    public IEnumerable<ArrayShape> Complement(FormulaFactory formulas)
    {
        ArrayShape any = Any(formulas);
        if (Min > 0)
        {
            yield return any with { Max = Min - 1 };
        }

        if (Max < int.MaxValue)
        {
            yield return any with { Min = Max + 1 };
        }

        for (int i = 0; i < Prefix.Count; i++)
        {
            if (Prefix[i] != formulas.All && i < Max)
            {
                Formula[] prefix = [.. Enumerable.Repeat(formulas.All, i), formulas.Not(Prefix[i])];
                yield return any with { Prefix = prefix, Min = i + 1 };
            }
        }

        if (Rest != formulas.All && Prefix.Count < Max)
        {
            yield return any with
            {
                Contains = [new ContainsRule(formulas.Not(Rest), Prefix.Count, 1, int.MaxValue)],
                Min = Prefix.Count + 1,
            };
        }

        foreach (ContainsRule rule in Contains)
        {
            if (rule.Min > 0)
            {
                yield return any with { Contains = [rule with { Min = 0, Max = rule.Min - 1 }] };
            }

            if (rule.Max < int.MaxValue)
            {
                yield return any with { Contains = [rule with { Min = rule.Max + 1, Max = int.MaxValue }] };
            }
        }
    }

    /// <summary>Every array.</summary>
    public static ArrayShape Any(FormulaFactory formulas) => new([], formulas.All, 0, int.MaxValue, []);
}
