using System.Diagnostics;

namespace TorchKv.Benchmarks.Cluster;

/// <summary>
/// A token's id as the time at which it was made, in units of 20 µs and modulo 80 ms. All processes of a machine read
/// the same clock, so whoever reads the token knows how long it travelled, if that was less than 80 ms.
/// </summary>
internal static class PacedToken
{
    public const int Ids = 4000;
    private const double UnitsPerSecond = 50_000;

    /// <summary>The id of a token that is made now.</summary>
    public static int Now() => (int)((long)Units(Stopwatch.GetTimestamp()) % Ids);

    /// <summary>How long a token that was read at a time had travelled, in microseconds.</summary>
    public static double Microseconds(int id, long readAt)
    {
        // The id was rounded down, so half a unit is taken for the rest.
        var units = (Units(readAt) - id - 0.5) % Ids;
        return Math.Max(0, units < Ids - 1 ? units : 0) * 1e6 / UnitsPerSecond;
    }

    private static double Units(long timestamp) => timestamp * (UnitsPerSecond / Stopwatch.Frequency);
}
