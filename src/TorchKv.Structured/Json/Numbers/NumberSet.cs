namespace TorchKv.Structured.Json.Numbers;

/// <summary>A set of numbers: bounds, multiples and lists of values, joined by and, or, not.</summary>
internal sealed class NumberSet
{
    /// <summary>Every number.</summary>
    public static readonly NumberSet All = new(NumberSetKind.All);

    /// <summary>No number.</summary>
    public static readonly NumberSet None = new(NumberSetKind.None);

    /// <summary>The whole numbers, 1.0 among them.</summary>
    public static readonly NumberSet Integers = MultiplesOf(JsonNumber.Of(1));

    private NumberSet(NumberSetKind kind, JsonNumber[]? values = null, NumberSet[]? parts = null)
    {
        Kind = kind;
        Values = values ?? [];
        Parts = parts ?? [];
    }

    /// <summary>What the set is.</summary>
    public NumberSetKind Kind { get; }

    /// <summary>The bound, the divisor, or the values.</summary>
    public JsonNumber[] Values { get; }

    /// <summary>The sets that are joined or negated.</summary>
    public NumberSet[] Parts { get; }

    /// <summary>The numbers ≥ a bound.</summary>
    public static NumberSet AtLeast(JsonNumber bound) => new(NumberSetKind.AtLeast, [bound]);

    /// <summary>The numbers &gt; a bound.</summary>
    public static NumberSet Above(JsonNumber bound) => new(NumberSetKind.Above, [bound]);

    /// <summary>The whole multiples of a number &gt; 0.</summary>
    public static NumberSet MultiplesOf(JsonNumber divisor) => new(NumberSetKind.MultiplesOf, [divisor]);

    /// <summary>Some numbers.</summary>
    public static NumberSet Of(JsonNumber[] values) => values.Length == 0 ? None : new(NumberSetKind.Values, values);

    /// <summary>The numbers that are in both sets.</summary>
    public static NumberSet And(NumberSet left, NumberSet right)
    {
        if (left.Kind == NumberSetKind.All || ReferenceEquals(left, right))
        {
            return right;
        }

        if (right.Kind == NumberSetKind.All)
        {
            return left;
        }

        if (left.Kind == NumberSetKind.None || right.Kind == NumberSetKind.None)
        {
            return None;
        }

        if (left.Kind == NumberSetKind.Values)
        {
            return Of([.. left.Values.Where(right.Contains)]);
        }

        return right.Kind == NumberSetKind.Values
            ? Of([.. right.Values.Where(left.Contains)])
            : new NumberSet(NumberSetKind.And, parts: [left, right]);
    }

    /// <summary>The numbers that are in one of the sets.</summary>
    public static NumberSet Or(NumberSet left, NumberSet right)
    {
        if (left.Kind == NumberSetKind.None || ReferenceEquals(left, right))
        {
            return right;
        }

        if (right.Kind == NumberSetKind.None)
        {
            return left;
        }

        if (left.Kind == NumberSetKind.All || right.Kind == NumberSetKind.All)
        {
            return All;
        }

        return left.Kind == NumberSetKind.Values && right.Kind == NumberSetKind.Values
            ? Of([.. left.Values.Union(right.Values)])
            : new NumberSet(NumberSetKind.Or, parts: [left, right]);
    }

    /// <summary>The numbers that are not in the set.</summary>
    public NumberSet Not() => Kind switch
    {
        NumberSetKind.All => None,
        NumberSetKind.None => All,
        NumberSetKind.Not => Parts[0],
        _ => new NumberSet(NumberSetKind.Not, parts: [this]),
    };

    /// <summary>Whether a number is in the set.</summary>
    public bool Contains(JsonNumber value) => Holds(
        (bound) => value.CompareTo(bound), (divisor) => value.IsMultipleOf(divisor));

    /// <summary>Whether a number is in the set of which two things can be asked.</summary>
    /// <param name="compareTo">Its order against one of the set's numbers.</param>
    /// <param name="isMultipleOf">Whether it is a multiple of one of the set's divisors.</param>
    public bool Holds(Func<JsonNumber, int> compareTo, Func<JsonNumber, bool> isMultipleOf) => Kind switch
    {
        NumberSetKind.All => true,
        NumberSetKind.None => false,
        NumberSetKind.AtLeast => compareTo(Values[0]) >= 0,
        NumberSetKind.Above => compareTo(Values[0]) > 0,
        NumberSetKind.MultiplesOf => isMultipleOf(Values[0]),
        NumberSetKind.Values => Values.Any(value => compareTo(value) == 0),
        NumberSetKind.Not => !Parts[0].Holds(compareTo, isMultipleOf),
        NumberSetKind.And => Parts[0].Holds(compareTo, isMultipleOf) && Parts[1].Holds(compareTo, isMultipleOf),
        _ => Parts[0].Holds(compareTo, isMultipleOf) || Parts[1].Holds(compareTo, isMultipleOf),
    };
}
