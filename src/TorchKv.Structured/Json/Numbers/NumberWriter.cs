using TorchKv.Structured.Automata;
using TorchKv.Structured.Json.Documents;

namespace TorchKv.Structured.Json.Numbers;

/// <summary>
/// Writes a set of numbers as an expression: it follows all trackers at once, digit by digit, and keeps the ways that
/// end in a number of the set. The number of digits is bounded, so that no way comes back to where it was.
/// </summary>
internal sealed class NumberWriter(
    RegexFactory regexes,
    NumberSet set,
    OrderedDictionary<(bool Order, JsonNumber Value), INumberTracker> trackers,
    bool isInteger,
    int maxStates)
{
    private readonly Dictionary<string, RegexNode> _known = new(StringComparer.Ordinal);
    private readonly INumberTracker[] _trackers = [.. trackers.Values];

    /// <summary>The expression; nothing where the set is empty.</summary>
    public RegexNode Write() => regexes.Or(
        First(false), regexes.Concat(regexes.Literal("-"), First(true)));

    private RegexNode First(bool negative)
    {
        int[] start = Array.ConvertAll(_trackers, tracker => tracker.Start);
        var alternatives = new List<RegexNode>();
        for (int digit = 0; digit <= 9; digit++)
        {
            int[] next = Step(start, digit, isFraction: false);
            RegexNode rest = digit == 0 ? AfterInteger(next, negative, true) : Integer(next, negative, 1);
            alternatives.Add(regexes.Concat(Digit(digit), rest));
        }

        return regexes.Or([.. alternatives]);
    }

    // Some digits, the first of them not 0, have been written; more digits, a point or the end may follow.
    private RegexNode Integer(int[] states, bool negative, int digits)
    {
        string key = $"i{(negative ? '-' : '+')}{digits}:{string.Join(',', states)}";
        if (_known.TryGetValue(key, out RegexNode? known))
        {
            return known;
        }

        CheckSize();
        var alternatives = new List<RegexNode> { AfterInteger(states, negative, false) };
        for (int digit = 0; digit <= 9 && digits < NumberText.MaxIntegerDigits; digit++)
        {
            RegexNode rest = Integer(Step(states, digit, isFraction: false), negative, digits + 1);
            alternatives.Add(regexes.Concat(Digit(digit), rest));
        }

        RegexNode expression = regexes.Or([.. alternatives]);
        _known[key] = expression;
        return expression;
    }

    private RegexNode AfterInteger(int[] states, bool negative, bool zero)
    {
        int[] point = new int[states.Length];
        for (int i = 0; i < point.Length; i++)
        {
            point[i] = _trackers[i].Point(states[i]);
        }

        RegexNode end = Holds(point, negative, zero) ? regexes.Empty : regexes.Nothing;
        return isInteger
            ? end
            : regexes.Or(end, regexes.Concat(regexes.Literal("."), Fraction(point, negative, zero, 0)));
    }

    private RegexNode Fraction(int[] states, bool negative, bool zero, int digits)
    {
        string key = $"f{(negative ? '-' : '+')}{(zero ? '0' : '1')}{digits}:{string.Join(',', states)}";
        if (_known.TryGetValue(key, out RegexNode? known))
        {
            return known;
        }

        CheckSize();
        var alternatives = new List<RegexNode>
        {
            digits > 0 && Holds(states, negative, zero) ? regexes.Empty : regexes.Nothing,
        };
        for (int digit = 0; digit <= 9 && digits < NumberText.MaxFractionDigits; digit++)
        {
            RegexNode rest = Fraction(
                Step(states, digit, isFraction: true), negative, zero && digit == 0, digits + 1);
            alternatives.Add(regexes.Concat(Digit(digit), rest));
        }

        RegexNode expression = regexes.Or([.. alternatives]);
        _known[key] = expression;
        return expression;
    }

    private int[] Step(int[] states, int digit, bool isFraction)
    {
        int[] next = new int[states.Length];
        for (int i = 0; i < next.Length; i++)
        {
            next[i] = isFraction ? _trackers[i].Fraction(states[i], digit) : _trackers[i].Integer(states[i], digit);
        }

        return next;
    }

    private bool Holds(int[] states, bool negative, bool zero) => set.Holds(
        bound => ((OrderTracker)trackers[(true, bound)]).Order(states[trackers.IndexOf((true, bound))], negative, zero),
        divisor => ((RemainderTracker)trackers[(false, divisor)]).IsMultiple(states[trackers.IndexOf((false, divisor))]));

    private RegexNode Digit(int digit) => regexes.Bytes(ByteSet.Of((byte)('0' + digit)));

    private void CheckSize()
    {
        if (_known.Count >= maxStates)
        {
            throw SchemaErrors.TooLarge(null, null, "the bounds and divisors of a number need too many states", maxStates);
        }
    }
}
