using System.Globalization;

namespace TorchKv.PortChecking.Text;

/// <summary>Numbers, ranges and shapes as messages show them.</summary>
internal static class Figures
{
    private const int MostRanges = 6;

    /// <summary>A number with four significant digits.</summary>
    public static string Say(double value) => value.ToString("G4", CultureInfo.InvariantCulture);

    /// <summary>An error with two digits and a power of ten; a dash for NaN.</summary>
    public static string Error(double value) =>
        double.IsNaN(value) ? "–" : value == 0 ? "0" : value.ToString("0.0e-00", CultureInfo.InvariantCulture);

    /// <summary>Integers in ascending order as ranges, such as 0–3, 5; the first few where there are many.</summary>
    public static string Ranges(IEnumerable<int> numbers)
    {
        var sorted = numbers.Distinct().Order().ToArray();
        var ranges = new List<string>();
        for (var i = 0; i < sorted.Length;)
        {
            var end = i;
            while (end + 1 < sorted.Length && sorted[end + 1] == sorted[end] + 1)
            {
                end++;
            }

            ranges.Add(end == i ? Invariant(sorted[i]) : $"{Invariant(sorted[i])}–{Invariant(sorted[end])}");
            i = end + 1;
        }

        return ranges.Count <= MostRanges
            ? string.Join(", ", ranges)
            : string.Join(", ", ranges[..(MostRanges - 1)]) + ", …";
    }

    /// <summary>A shape in parentheses.</summary>
    public static string ShapeText(IReadOnlyList<int> shape) => "(" + string.Join(", ", shape.Select(Invariant)) + ")";

    private static string Invariant(int value) => value.ToString(CultureInfo.InvariantCulture);
}
