using System.Globalization;
using System.Numerics;

namespace TorchKv.Structured.Json.Numbers;

/// <summary>Compares the digits of a number with those of a bound, both without their signs.</summary>
internal sealed class OrderTracker : INumberTracker
{
    // States behind the point: how many digits of the bound's fraction have been equal, or one of these.
    private const int Less = -1;
    private const int Greater = -2;

    private readonly string _integer;
    private readonly string _fraction;

    public OrderTracker(JsonNumber bound)
    {
        string digits = BigInteger.Abs(bound.Unscaled).ToString(CultureInfo.InvariantCulture)
            .PadLeft(bound.Scale + 1, '0');
        _integer = digits[..^bound.Scale].TrimStart('0');
        _fraction = digits[^bound.Scale..];
        Sign = bound.Unscaled.Sign;
    }

    /// <summary>The bound's sign.</summary>
    public int Sign { get; }

    // States before the point: 3 · digits so far + (order of them − −1), at most one digit more than the bound has.
    public int Start => 1;

    public int Integer(int state, int digit)
    {
        (int count, int order) = (state / 3, (state % 3) - 1);
        if (count == 0 && digit == 0)
        {
            return state;
        }

        if (count >= _integer.Length)
        {
            return (3 * (_integer.Length + 1)) + 2;
        }

        if (order == 0)
        {
            order = digit.CompareTo(_integer[count] - '0');
        }

        return (3 * (count + 1)) + order + 1;
    }

    public int Point(int state)
    {
        (int count, int order) = (state / 3, (state % 3) - 1);
        return count < _integer.Length ? Less
            : count > _integer.Length ? Greater
            : order < 0 ? Less
            : order > 0 ? Greater
            : 0;
    }

    public int Fraction(int state, int digit)
    {
        if (state < 0)
        {
            return state;
        }

        if (state == _fraction.Length)
        {
            return digit > 0 ? Greater : state;
        }

        int order = digit.CompareTo(_fraction[state] - '0');
        return order < 0 ? Less : order > 0 ? Greater : state + 1;
    }

    /// <summary>The order of the number against the bound, signs included.</summary>
    /// <param name="state">The state behind the point.</param>
    /// <param name="negative">Whether the number has a minus sign.</param>
    /// <param name="zero">Whether all its digits are 0.</param>
    public int Order(int state, bool negative, bool zero)
    {
        int sign = zero ? 0 : negative ? -1 : 1;
        if (sign != Sign || sign == 0)
        {
            return sign.CompareTo(Sign);
        }

        int size = state == Less ? -1 : state == Greater ? 1 : state < _fraction.Length ? -1 : 0;
        return sign * size;
    }
}
