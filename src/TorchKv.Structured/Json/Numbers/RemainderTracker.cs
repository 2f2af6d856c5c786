using System.Numerics;

namespace TorchKv.Structured.Json.Numbers;

/// <summary>Divides the digits of a number by a divisor.</summary>
internal sealed class RemainderTracker : INumberTracker
{
    /// <summary>The largest divisor, as a whole number without its decimal point, that is not a power of ten.</summary>
    public const int MaxDivisor = 20_000;

    private const int NotAMultiple = -1;

    private readonly int _divisor;
    private readonly int _zeros;
    private readonly int _scale;

    private RemainderTracker(int divisor, int zeros, int scale)
    {
        _divisor = divisor;
        _zeros = zeros;
        _scale = scale;
    }

    // With a power of ten: the zeros at the end. Else: the remainder. Behind the point also the digits there.
    public int Start => _zeros;

    /// <summary>A tracker for a divisor.</summary>
    /// <returns>Null where it would need too many states.</returns>
    public static RemainderTracker? Create(JsonNumber divisor)
    {
        BigInteger value = divisor.Unscaled;
        int zeros = 0;
        while (value % 10 == 0)
        {
            value /= 10;
            zeros++;
        }

        return value == 1 && zeros > 0 ? new RemainderTracker(0, zeros, 0)
            : divisor.Unscaled <= MaxDivisor && divisor.Scale <= 16
                ? new RemainderTracker((int)divisor.Unscaled, 0, divisor.Scale)
            : null;
    }

    public int Integer(int state, int digit) => _divisor == 0
        ? digit == 0 ? Math.Min(_zeros, state + 1) : 0
        : ((10 * state) + digit) % _divisor;

    public int Point(int state) => state * (_scale + 1);

    public int Fraction(int state, int digit)
    {
        if (state == NotAMultiple)
        {
            return state;
        }

        (int rest, int digits) = (state / (_scale + 1), state % (_scale + 1));
        return digits == _scale
            ? digit == 0 ? state : NotAMultiple
            : ((((10 * rest) + digit) % _divisor) * (_scale + 1)) + digits + 1;
    }

    /// <summary>Whether the number is a multiple.</summary>
    /// <param name="state">The state behind the point.</param>
    public bool IsMultiple(int state)
    {
        if (state == NotAMultiple)
        {
            return false;
        }

        (int rest, int digits) = (state / (_scale + 1), state % (_scale + 1));
        return _divisor == 0
            ? rest == _zeros
            : BigInteger.Pow(10, _scale - digits) * rest % _divisor == 0;
    }
}
