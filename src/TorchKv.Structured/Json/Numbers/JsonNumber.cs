using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace TorchKv.Structured.Json.Numbers;

/// <summary>
/// An exact decimal number: <see cref="Unscaled"/> · 10^−<see cref="Scale"/>, with the smallest scale ≥ 0.
/// </summary>
internal readonly record struct JsonNumber : IComparable<JsonNumber>
{
    /// <summary>The most decimal digits of a number in a schema, on either side of the point.</summary>
    public const int MaxDigits = 400;

    private JsonNumber(BigInteger unscaled, int scale)
    {
        while (scale > 0 && unscaled % 10 == 0)
        {
            unscaled /= 10;
            scale--;
        }

        Unscaled = unscaled;
        Scale = scale;
    }

    /// <summary>All digits, with the sign.</summary>
    public BigInteger Unscaled { get; }

    /// <summary>How many of the digits are after the point.</summary>
    public int Scale { get; }

    /// <summary>Reads a JSON number.</summary>
    /// <returns>False where it has more than <see cref="MaxDigits"/> digits on a side.</returns>
    public static bool TryRead(JsonElement element, out JsonNumber number)
    {
        number = default;
        string text = element.GetRawText();
        int e = text.AsSpan().IndexOfAny('e', 'E');
        string mantissa = e < 0 ? text : text[..e];
        int exponent = 0;
        if (e >= 0 && !int.TryParse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent))
        {
            return false;
        }

        int point = mantissa.IndexOf('.', StringComparison.Ordinal);
        int scale = point < 0 ? 0 : mantissa.Length - point - 1;
        string digits = point < 0 ? mantissa : mantissa.Remove(point, 1);
        if (digits.Length > MaxDigits || Math.Abs((long)exponent) > MaxDigits)
        {
            return false;
        }

        BigInteger unscaled = BigInteger.Parse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        scale -= exponent;
        number = scale >= 0
            ? new JsonNumber(unscaled, scale)
            : new JsonNumber(unscaled * BigInteger.Pow(10, -scale), 0);
        return true;
    }

    /// <summary>A whole number.</summary>
    public static JsonNumber Of(int value) => new(value, 0);

    /// <inheritdoc/>
    public int CompareTo(JsonNumber other)
    {
        int scale = Math.Max(Scale, other.Scale);
        return At(scale).CompareTo(other.At(scale));
    }

    /// <summary>Whether this is a whole multiple of another number, which is not 0.</summary>
    public bool IsMultipleOf(JsonNumber divisor)
    {
        int scale = Math.Max(Scale, divisor.Scale);
        return At(scale) % divisor.At(scale) == 0;
    }

    /// <summary>The number as JSON text, without an exponent.</summary>
    public override string ToString()
    {
        string digits = BigInteger.Abs(Unscaled).ToString(CultureInfo.InvariantCulture).PadLeft(Scale + 1, '0');
        string sign = Unscaled.Sign < 0 ? "-" : "";
        return Scale == 0 ? sign + digits : $"{sign}{digits[..^Scale]}.{digits[^Scale..]}";
    }

    private BigInteger At(int scale) => Unscaled * BigInteger.Pow(10, scale - Scale);
}
