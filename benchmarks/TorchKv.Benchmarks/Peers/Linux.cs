using System.Globalization;

namespace TorchKv.Benchmarks.Peers;

/// <summary>What /proc says of a process.</summary>
internal static class Linux
{
    /// <summary>The most memory that a process had resident, in bytes (VmHWM).</summary>
    public static long PeakResidentBytes(int process) => Kilobytes(process, "VmHWM:") * 1024;

    /// <summary>The memory that a process has resident now and shares with no file, in bytes (RssAnon).</summary>
    public static long AnonymousBytes(int process) => Kilobytes(process, "RssAnon:") * 1024;

    private static long Kilobytes(int process, string name)
    {
        foreach (var line in File.ReadLines($"/proc/{process}/status"))
        {
            if (line.StartsWith(name, StringComparison.Ordinal))
            {
                return long.Parse(line.AsSpan(name.Length).Trim().ToString().Split(' ')[0], CultureInfo.InvariantCulture);
            }
        }

        return 0;
    }
}
