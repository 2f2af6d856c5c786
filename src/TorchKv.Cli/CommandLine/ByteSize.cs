using System.Globalization;

namespace TorchKv.Cli.CommandLine;

/// <summary>Reads and writes numbers of bytes with their units.</summary>
internal static class ByteSize
{
    private static readonly (string Suffix, double Factor)[] s_units =
    [
        ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("TiB", 1L << 40),
        ("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12),
        ("K", 1L << 10), ("M", 1L << 20), ("G", 1L << 30), ("T", 1L << 40), ("B", 1),
    ];

    public static bool TryParse(string text, out long bytes)
    {
        bytes = 0;
        var number = text.Trim();
        var factor = 1.0;
        foreach (var (suffix, unit) in s_units)
        {
            if (number.EndsWith(suffix, StringComparison.OrdinalIgnoreCase))
            {
                number = number[..^suffix.Length].TrimEnd();
                factor = unit;
                break;
            }
        }

        if (!double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value))
        {
            return false;
        }

        var product = value * factor;
        if (!(product >= 1) || product >= long.MaxValue)
        {
            return false;
        }

        bytes = (long)product;
        return true;
    }

    /// <summary>Three significant figures and a binary unit: <c>72.0 KiB</c>.</summary>
    public static string Format(double bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        var unit = 0;
        while (bytes >= 1023.5 && unit < units.Length - 1)
        {
            bytes /= 1024;
            unit++;
        }

        var format = unit == 0 ? "F0" : bytes < 10 ? "F2" : bytes < 100 ? "F1" : "F0";
        return string.Create(
            CultureInfo.InvariantCulture, $"{bytes.ToString(format, CultureInfo.InvariantCulture)} {units[unit]}");
    }
}
