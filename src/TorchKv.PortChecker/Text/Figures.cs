using System.Globalization;

namespace TorchKv.PortChecking.Text;

/// <summary>Numbers, ranges and shapes as messages show them.</summary>
internal static class Figures
{
    /// <summary>A figure as one would say it: four significant digits.</summary>
    public static string Say(double value) => value.ToString("G4", CultureInfo.InvariantCulture);

    /// <summary>Numbers as ranges: 0–3, 5.</summary>
    public static string Ranges(IEnumerable<int> numbers)
    {
        var sorted = numbers.Distinct().Order().ToArray();
        var parts = new List<string>();
        for (var i = 0; i < sorted.Length;)
        {
            var end = i;
            while (end + 1 < sorted.Length && sorted[end + 1] == sorted[end] + 1)
            {
                end++;
            }

            parts.Add(end == i ? Invariant(sorted[i]) : $"{Invariant(sorted[i])}–{Invariant(sorted[end])}");
            i = end + 1;
        }

        return parts.Count <= 6 ? string.Join(", ", parts) : string.Join(", ", parts[..5]) + ", …";
    }

    public static string ShapeText(IReadOnlyList<int> shape) => "(" + string.Join(", ", shape.Select(Invariant)) + ")";

    private static string Invariant(int value) => value.ToString(CultureInfo.InvariantCulture);
}
