using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Automata;
using TorchKv.Structured.Json.Documents;

namespace TorchKv.Structured.Json.Numbers;

/// <summary>
/// How numbers are written. A number without bounds: at most 19 digits before the point, 18 behind it and 2 in the
/// exponent. One with bounds or a divisor: the same without an exponent. A whole number has no point.
/// </summary>
internal sealed class NumberText(RegexFactory regexes)
{
    /// <summary>The most digits before the point: those of the largest 64-bit integer.</summary>
    public const int MaxIntegerDigits = 19;

    /// <summary>The most digits behind the point.</summary>
    public const int MaxFractionDigits = 18;

    private const int MaxStates = 20_000;
    private const int MaxTrackers = 64;

    private readonly Dictionary<NumberSet, RegexNode> _known = new(ReferenceEqualityComparer.Instance);

    /// <summary>The text of the numbers of a set; nothing where the set is empty.</summary>
    /// <exception cref="ConstraintException">Its bounds and divisors together need too many states.</exception>
    public RegexNode Of(NumberSet set)
    {
        if (!_known.TryGetValue(set, out RegexNode? expression))
        {
            expression = set.Kind switch
            {
                NumberSetKind.None => regexes.Nothing,
                NumberSetKind.All => Any(),
                NumberSetKind.Values => regexes.Or([.. set.Values.Select(value => regexes.Literal(value.ToString()))]),
                _ => Write(set),
            };
            _known.Add(set, expression);
        }

        return expression;
    }

    private static bool HasOnlyIntegers(NumberSet set) => set.Kind switch
    {
        NumberSetKind.None => true,
        NumberSetKind.MultiplesOf => set.Values[0].Scale == 0,
        NumberSetKind.Values => set.Values.All(value => value.Scale == 0),
        NumberSetKind.And => set.Parts.Any(HasOnlyIntegers),
        NumberSetKind.Or => set.Parts.All(HasOnlyIntegers),
        _ => false,
    };

    private RegexNode Any()
    {
        RegexNode digit = regexes.Bytes(ByteSet.Range((byte)'0', (byte)'9'));
        RegexNode first = regexes.Bytes(ByteSet.Range((byte)'1', (byte)'9'));
        RegexNode sign = regexes.Or(regexes.Literal("+"), regexes.Literal("-"));
        return regexes.Concat(
            regexes.Optional(regexes.Literal("-")),
            regexes.Or(
                regexes.Literal("0"), regexes.Concat(first, regexes.Repeat(digit, 0, MaxIntegerDigits - 1))),
            regexes.Optional(regexes.Concat(regexes.Literal("."), regexes.Repeat(digit, 1, MaxFractionDigits))),
            regexes.Optional(regexes.Concat(
                regexes.Or(regexes.Literal("e"), regexes.Literal("E")),
                regexes.Optional(sign),
                regexes.Repeat(digit, 1, 2))));
    }

    private RegexNode Write(NumberSet set)
    {
        var trackers = new OrderedDictionary<(bool Order, JsonNumber Value), INumberTracker>();
        Collect(set, trackers);
        if (trackers.Count > MaxTrackers)
        {
            throw SchemaErrors.TooLarge(null, null, "a number has too many bounds and divisors", MaxTrackers);
        }

        var writer = new NumberWriter(regexes, set, trackers, HasOnlyIntegers(set), MaxStates);
        return writer.Write();
    }

    private static void Collect(NumberSet set, OrderedDictionary<(bool Order, JsonNumber Value), INumberTracker> trackers)
    {
        foreach (JsonNumber value in set.Values)
        {
            bool isOrder = set.Kind != NumberSetKind.MultiplesOf;
            trackers.TryAdd((isOrder, value), isOrder ? new OrderTracker(value) : RemainderTracker.Create(value)!);
        }

        foreach (NumberSet part in set.Parts)
        {
            Collect(part, trackers);
        }
    }
}
