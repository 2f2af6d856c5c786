using System.Globalization;

namespace TorchKv.Plotting;

/// <summary>Maps values to pixels along one direction and chooses the values that are marked.</summary>
internal sealed class Axis
{
    private readonly Func<double, double> _position;
    private readonly double _least;
    private readonly double _most;
    private readonly double _firstPixel;
    private readonly double _lastPixel;

    private Axis(
        double least, double most, double[] ticks, Func<double, double> position, double firstPixel, double lastPixel)
    {
        (_least, _most, Ticks, _position) = (least, most, ticks, position);
        (_firstPixel, _lastPixel) = (firstPixel, lastPixel);
    }

    /// <summary>The values that are marked, in rising order.</summary>
    public IReadOnlyList<double> Ticks { get; }

    /// <summary>
    /// An axis in proportion, wide enough for <paramref name="min"/> to <paramref name="max"/> and for its first and
    /// last tick.
    /// </summary>
    /// <param name="min">The least value.</param>
    /// <param name="max">The largest value.</param>
    /// <param name="about">About how many ticks.</param>
    /// <param name="firstPixel">Where the least value is.</param>
    /// <param name="lastPixel">Where the largest value is.</param>
    public static Axis Linear(double min, double max, int about, double firstPixel, double lastPixel)
    {
        var ticks = RoundNumbers(min, max, about);
        return new Axis(
            Math.Min(min, ticks[0]), Math.Max(max, ticks[^1]), ticks, value => value, firstPixel, lastPixel);
    }

    /// <summary>
    /// An axis of logarithms from <paramref name="min"/> to <paramref name="max"/>, both above 0; ticks are powers of
    /// two.
    /// </summary>
    /// <param name="min">The least value.</param>
    /// <param name="max">The largest value.</param>
    /// <param name="firstPixel">Where the least value is.</param>
    /// <param name="lastPixel">Where the largest value is.</param>
    public static Axis Logarithmic(double min, double max, double firstPixel, double lastPixel)
    {
        var powers = Powers(1).ToArray();
        double[] ticks = powers.Length > 5 ? powers : [.. powers.Concat(Powers(1.5)).Order()];
        return new Axis(min, max, ticks, Math.Log, firstPixel, lastPixel);

        IEnumerable<double> Powers(double factor)
        {
            for (var power = Math.Floor(Math.Log2(min)); Math.Pow(2, power) * factor <= max; power++)
            {
                if (Math.Pow(2, power) * factor >= min)
                {
                    yield return Math.Pow(2, power) * factor;
                }
            }
        }
    }

    /// <summary>The pixel of a value; a value outside the axis is put at its nearer end.</summary>
    public double At(double value)
    {
        var (from, to) = (_position(_least), _position(_most));
        var share = (_position(Math.Clamp(value, _least, _most)) - from) / (to - from);
        return _firstPixel + (share * (_lastPixel - _firstPixel));
    }

    /// <summary>A tick's label.</summary>
    public static string Label(double tick) =>
        (Math.Abs(tick) < 1e-12 ? 0 : tick).ToString("0.######", CultureInfo.InvariantCulture);

    /// <summary>
    /// Numbers that are 1, 2 or 5 times a power of ten apart, from at most <paramref name="min"/> to at least
    /// <paramref name="max"/>.
    /// </summary>
    internal static double[] RoundNumbers(double min, double max, int about)
    {
        // One value alone has an axis too, and so have values that rounding makes one.
        var range = max - min > Math.Abs(min) * 1e-9 ? max - min : Math.Max(Math.Abs(min), 1);
        var rough = range / about;
        var power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        var step = power * (rough / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 };
        var first = Math.Floor(min / step);
        var last = Math.Ceiling(((min + range) / step) - 1e-9);
        return [.. Enumerable.Range(0, Math.Max(2, (int)(last - first) + 1)).Select(i => (first + i) * step)];
    }
}
