using System.Globalization;

namespace TorchKv.Plotting;

/// <summary>Colours along a line of numbers, mixed between given stops.</summary>
/// <param name="stops">Positions in rising order, with their colours as 0xRRGGBB.</param>
internal sealed class ColorScale(params (double Position, int Color)[] stops)
{
    /// <summary>
    /// The colour at a position, as <c>#RRGGBB</c>; before the first stop and after the last one theirs.
    /// </summary>
    public string At(double position)
    {
        position = Math.Clamp(position, stops[0].Position, stops[^1].Position);
        var i = 0;
        while (i + 2 < stops.Length && position > stops[i + 1].Position)
        {
            i++;
        }

        var (from, to) = (stops[i], stops[i + 1]);
        var share = Math.Clamp((position - from.Position) / (to.Position - from.Position), 0, 1);
        var mixed = (Mix(16) << 16) | (Mix(8) << 8) | Mix(0);
        return "#" + mixed.ToString("X6", CultureInfo.InvariantCulture);

        int Mix(int shift)
        {
            var (a, b) = ((from.Color >> shift) & 0xFF, (to.Color >> shift) & 0xFF);
            return (int)Math.Round(a + ((b - a) * share));
        }
    }
}
