using TorchKv.Structured.Automata;
using TorchKv.Structured.Json.Texts;

namespace TorchKv.Structured.Json.Values;

/// <summary>Objects of one shape. They must match all groups.</summary>
internal sealed record ObjectShape
{
    /// <summary>What the properties are.</summary>
    public IReadOnlyList<PropertyGroup> Groups { get; init; } = [];

    /// <summary>The properties that must be there.</summary>
    public IReadOnlyList<string> Required { get; init; } = [];

    /// <summary>The names that properties may have: JSON text without the quotes; null: any.</summary>
    public RegexNode? Names { get; init; }

    /// <summary>The least number of properties.</summary>
    public int Min { get; init; }

    /// <summary>The largest number of properties, or <see cref="int.MaxValue"/>.</summary>
    public int Max { get; init; } = int.MaxValue;

    /// <summary>Properties of which there must be at least one each.</summary>
    public IReadOnlyList<PresenceRule> Present { get; init; } = [];

    /// <summary>The names that the shape speaks of, in the order in which they are written.</summary>
    public IReadOnlyList<string> Declared { get; private init; } = [];

    /// <summary>Every object.</summary>
    public static ObjectShape Any { get; } = new();

    /// <summary>Objects whose properties are those of a group.</summary>
    public static ObjectShape Of(PropertyGroup group) => new ObjectShape { Groups = [group] }.WithDeclared();

    /// <summary>Objects that have some properties.</summary>
    public static ObjectShape Requiring(IEnumerable<string> names) =>
        new ObjectShape { Required = [.. names.Distinct(StringComparer.Ordinal)] }.WithDeclared();

    /// <summary>The objects that have both shapes.</summary>
    public static ObjectShape Intersect(ObjectShape a, ObjectShape b, RegexFactory regexes) => new ObjectShape
    {
        Groups = a.Groups.Count == 0 ? b.Groups : b.Groups.Count == 0 ? a.Groups : [.. a.Groups.Union(b.Groups)],
        Required = [.. a.Required.Union(b.Required, StringComparer.Ordinal)],
        Names = a.Names is null ? b.Names : b.Names is null ? a.Names : regexes.And(a.Names, b.Names),
        Min = Math.Max(a.Min, b.Min),
        Max = Math.Min(a.Max, b.Max),
        Present = [.. a.Present.Union(b.Present)],
    }.WithDeclared();

    /// <summary>What the value of a declared property is; none where it may not be there.</summary>
    public Formula ValueOf(string name, FormulaFactory formulas, JsonText texts)
    {
        if (Names is not null && !texts.Matches(Names, name))
        {
            return formulas.None;
        }

        var parts = new List<Formula>();
        foreach (PropertyGroup group in Groups)
        {
            int before = parts.Count;
            if (group.ByName.TryGetValue(name, out Formula? value))
            {
                parts.Add(value);
            }

            parts.AddRange(group.Patterns.Where(p => texts.Matches(p.Names, name)).Select(p => p.Value));
            if (parts.Count == before)
            {
                parts.Add(group.Additional);
            }
        }

        return formulas.And(parts);
    }

    /// <summary>The objects that do not have this shape.</summary>
    public IEnumerable<ObjectShape> Complement(FormulaFactory formulas, JsonText texts)
    {
        foreach (string name in Required)
        {
            yield return Of(new PropertyGroup([(name, formulas.None)], [], formulas.All));
        }

        foreach (PropertyGroup group in Groups)
        {
            foreach ((string name, Formula value) in group.Properties)
            {
                if (value != formulas.All)
                {
                    ObjectShape wrong = Of(new PropertyGroup([(name, formulas.Not(value))], [], formulas.All));
                    yield return (wrong with { Required = [name] }).WithDeclared();
                }
            }

            foreach ((RegexNode names, Formula value) in group.Patterns)
            {
                if (value != formulas.All)
                {
                    yield return new ObjectShape { Present = [new PresenceRule(names, formulas.Not(value))] };
                }
            }

            if (group.Additional != formulas.All)
            {
                RegexNode known = texts.Regexes.Or([
                    .. group.Properties.Select(property => texts.Literal(property.Name)),
                    .. group.Patterns.Select(pattern => pattern.Names)]);
                yield return new ObjectShape
                {
                    Present = [new PresenceRule(texts.Not(known), formulas.Not(group.Additional))],
                };
            }
        }

        if (Names is not null)
        {
            yield return new ObjectShape { Present = [new PresenceRule(texts.Not(Names), formulas.All)] };
        }

        if (Min > 0)
        {
            yield return new ObjectShape { Max = Min - 1 };
        }

        if (Max < int.MaxValue)
        {
            yield return new ObjectShape { Min = Max + 1 };
        }

        foreach (PresenceRule rule in Present)
        {
            yield return Of(new PropertyGroup([], [(rule.Names, formulas.Not(rule.Value))], formulas.All));
        }
    }

    private ObjectShape WithDeclared() => this with
    {
        Declared =
        [
            .. Groups.SelectMany(group => group.Properties.Select(property => property.Name))
                .Concat(Required).Distinct(StringComparer.Ordinal),
        ],
    };
}
