using TorchKv.Structured.Contracts;
using TorchKv.Structured.Json.Documents;
using TorchKv.Structured.Json.Numbers;
using TorchKv.Structured.Json.Texts;

namespace TorchKv.Structured.Json.Values;

/// <summary>Intersection, union and complement of sets of values.</summary>
internal sealed class ValueSets(FormulaFactory formulas, JsonText texts, JsonSchemaOptions options)
{
    /// <summary>Every value.</summary>
    public ValueSet All { get; } = new()
    {
        Null = true,
        True = true,
        False = true,
        Numbers = NumberSet.All,
        Strings = TextSet.All,
        Arrays = [ArrayShape.Any(formulas)],
        Objects = [ObjectShape.Any],
    };

    /// <summary>No value.</summary>
    public ValueSet None { get; } = new();

    /// <summary>The values in both sets.</summary>
    public ValueSet Intersect(ValueSet a, ValueSet b)
    {
        if (ReferenceEquals(a, All))
        {
            return b;
        }

        if (ReferenceEquals(b, All))
        {
            return a;
        }

        return new ValueSet
        {
            Null = a.Null && b.Null,
            True = a.True && b.True,
            False = a.False && b.False,
            Numbers = NumberSet.And(a.Numbers, b.Numbers),
            Strings = TextSet.And(a.Strings, b.Strings, texts),
            Arrays = IsAny(a.Arrays) ? b.Arrays : IsAny(b.Arrays) ? a.Arrays : Limited(
                [.. from x in a.Arrays
                    from y in b.Arrays
                    select ArrayShape.Intersect(x, y, formulas) into both
                    where both is not null
                    select both]),
            Objects = IsAny(a.Objects) ? b.Objects : IsAny(b.Objects) ? a.Objects : Limited(
                [.. from x in a.Objects
                    from y in b.Objects
                    select ReferenceEquals(x, y) ? x : ObjectShape.Intersect(x, y, texts.Regexes) into both
                    where IsPossible(both)
                    select both]),
        };
    }

    /// <summary>The values in one of the sets.</summary>
    public ValueSet Union(ValueSet a, ValueSet b) => new()
    {
        Null = a.Null || b.Null,
        True = a.True || b.True,
        False = a.False || b.False,
        Numbers = NumberSet.Or(a.Numbers, b.Numbers),
        Strings = TextSet.Or(a.Strings, b.Strings, texts),
        Arrays = IsAny(a.Arrays) ? a.Arrays : IsAny(b.Arrays) ? b.Arrays : Limited([.. a.Arrays.Union(b.Arrays)]),
        Objects = IsAny(a.Objects) ? a.Objects : IsAny(b.Objects) ? b.Objects : Limited([.. a.Objects.Union(b.Objects)]),
    };

    /// <summary>The values that are not in a set.</summary>
    public ValueSet Complement(ValueSet a)
    {
        ValueSet result = new()
        {
            Null = !a.Null,
            True = !a.True,
            False = !a.False,
            Numbers = a.Numbers.Not(),
            Strings = a.Strings.Not(texts),
            Arrays = All.Arrays,
            Objects = All.Objects,
        };
        foreach (ArrayShape shape in a.Arrays)
        {
            result = Intersect(result, All with { Arrays = [.. shape.Complement(formulas)] });
        }

        foreach (ObjectShape shape in a.Objects)
        {
            result = Intersect(
                result, All with { Objects = [.. shape.Complement(formulas, texts).Where(IsPossible)] });
        }

        return result;
    }

    // Without working formulas out.
    private bool IsPossible(ObjectShape shape) =>
        shape.Min <= shape.Max && shape.Required.Count <= shape.Max
        && shape.Required.All(name => shape.ValueOf(name, formulas, texts) != formulas.None)
        && (shape.Min == 0 || shape.Names is null || !texts.Regexes.MatchesNothing(shape.Names));

    private bool IsAny(IReadOnlyList<ArrayShape> shapes) => ReferenceEquals(shapes, All.Arrays);

    private bool IsAny(IReadOnlyList<ObjectShape> shapes) => ReferenceEquals(shapes, All.Objects);

    private T[] Limited<T>(T[] shapes) => shapes.Length <= options.MaxAlternatives
        ? shapes
        : throw SchemaErrors.TooLarge(null, null, "it comes to too many alternatives", options.MaxAlternatives);
}
