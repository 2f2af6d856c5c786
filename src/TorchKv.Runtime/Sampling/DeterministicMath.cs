using System.Runtime.Intrinsics;

namespace TorchKv.Runtime.Sampling;

/// <summary>
/// exp and log from additions, multiplications and divisions alone, which IEEE 754 rounds exactly: the same bits on
/// every machine, with any vector width. <see cref="Math.Exp"/> is the platform's and differs in the last bits.
/// </summary>
/// <remarks>
/// Products and sums are written apart and never fused: .NET does not contract them. Error below 2 units in the last
/// place.
/// </remarks>
internal static class DeterministicMath
{
    private const double Log2E = 1.4426950408889634;

    // ln 2 in two parts; the first has 32 zero bits at its end, so that k · Ln2High is exact for |k| < 2^32.
    private const double Ln2High = 0.693147180369123816490;
    private const double Ln2Low = 1.90821492927058770002e-10;

    // Added and taken away again, it rounds to the nearest integer, and leaves it in the low bits of the sum.
    private const double RoundingMagic = 6755399441055744.0;

    // Below, the result would be subnormal; it is 0 here.
    private const double Smallest = -708;
    private const double Largest = 709;

    // 1/13!, 1/12!, …, 1/1!, 1/0!: |r| ≤ ln 2 / 2 leaves an error of 4e-18.
    private static ReadOnlySpan<double> ExpTerms =>
    [
        1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040,
        1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1, 1,
    ];

    /// <summary>e^x; 0 below −708, ∞ above 709.</summary>
    public static double Exp(double x)
    {
        if (!(x >= Smallest && x <= Largest))
        {
            return x < Smallest ? 0 : x > Largest ? double.PositiveInfinity : double.NaN;
        }

        var shifted = (x * Log2E) + RoundingMagic;
        var k = shifted - RoundingMagic;
        var r = x - (k * Ln2High) - (k * Ln2Low);
        var sum = ExpTerms[0];
        foreach (var term in ExpTerms[1..])
        {
            sum = (sum * r) + term;
        }

        return BitConverter.Int64BitsToDouble(
            BitConverter.DoubleToInt64Bits(sum) + (BitConverter.DoubleToInt64Bits(shifted) << 52));
    }

    /// <summary>
    /// e^(x − shift) of each; <paramref name="shift"/> is the greatest x. The bits of <see cref="Exp(double)"/>.
    /// </summary>
    public static void Exp(ReadOnlySpan<float> x, double shift, Span<double> results)
    {
        var i = 0;
        for (; i + Vector256<float>.Count <= x.Length; i += Vector256<float>.Count)
        {
            var (lower, upper) = Vector256.Widen(Vector256.Create(x[i..]));
            Exp(lower - Vector256.Create(shift)).CopyTo(results[i..]);
            Exp(upper - Vector256.Create(shift)).CopyTo(results[(i + Vector256<double>.Count)..]);
        }

        for (; i < x.Length; i++)
        {
            results[i] = Exp(x[i] - shift);
        }
    }

    // For x ≤ 0; −∞ gives 0.
    private static Vector256<double> Exp(Vector256<double> x)
    {
        var shifted = (x * Vector256.Create(Log2E)) + Vector256.Create(RoundingMagic);
        var k = shifted - Vector256.Create(RoundingMagic);
        var r = x - (k * Vector256.Create(Ln2High)) - (k * Vector256.Create(Ln2Low));
        var sum = Vector256.Create(ExpTerms[0]);
        foreach (var term in ExpTerms[1..])
        {
            sum = (sum * r) + Vector256.Create(term);
        }

        var scaled = (sum.AsInt64() + Vector256.ShiftLeft(shifted.AsInt64(), 52)).AsDouble();
        return Vector256.ConditionalSelect(
            Vector256.GreaterThanOrEqual(x, Vector256.Create(Smallest)),
            scaled,
            Vector256<double>.Zero);
    }

    /// <summary>
    /// The sum in one fixed order: four chains of every fourth value, joined from the left, then the rest.
    /// </summary>
    public static double Sum(ReadOnlySpan<double> values)
    {
        var chains = Vector256<double>.Zero;
        var i = 0;
        for (; i + Vector256<double>.Count <= values.Length; i += Vector256<double>.Count)
        {
            chains += Vector256.Create(values[i..]);
        }

        var sum = chains[0] + chains[1] + chains[2] + chains[3];
        for (; i < values.Length; i++)
        {
            sum += values[i];
        }

        return sum;
    }

    /// <summary>ln x of a normal positive x.</summary>
    public static double Log(double x)
    {
        // x = m · 2^e with m in [√½, √2); ln m = 2 artanh s for s = (m − 1) / (m + 1), |s| < 0.172.
        var bits = BitConverter.DoubleToInt64Bits(x);
        var e = (int)(bits >> 52) - 1023;
        var m = BitConverter.Int64BitsToDouble((bits & 0x000F_FFFF_FFFF_FFFF) | 0x3FF0_0000_0000_0000);
        if (m > 1.4142135623730951)
        {
            (m, e) = (m / 2, e + 1);
        }

        var s = (m - 1) / (m + 1);
        var z = s * s;
        var sum = 0.0;
        for (var n = 23; n >= 3; n -= 2)
        {
            sum = (sum + (1.0 / n)) * z;
        }

        return (e * Ln2High) + ((e * Ln2Low) + (2 * s) + (2 * s * sum));
    }

    /// <summary>n^p for a whole n ≥ 1; exact where p is 0 or 1.</summary>
    public static double Power(int n, double p) => p switch
    {
        0 => 1,
        1 => n,
        _ => Exp(p * Log(n)),
    };
}
