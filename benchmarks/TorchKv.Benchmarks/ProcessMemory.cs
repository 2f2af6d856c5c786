using System.Globalization;

namespace TorchKv.Benchmarks;

/// <summary>This process's memory as Linux counts it, in bytes; 0 where there is no /proc.</summary>
internal static class ProcessMemory
{
    /// <summary>Resident now, the managed heap collected first.</summary>
    public static long Resident()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Read("VmRSS:");
    }

    /// <summary>The most that was ever resident.</summary>
    public static long Peak() => Read("VmHWM:");

    private static long Read(string field)
    {
        const string status = "/proc/self/status";
        if (!File.Exists(status))
        {
            return 0;
        }

        var line = File.ReadLines(status).First(line => line.StartsWith(field, StringComparison.Ordinal));
        return long.Parse(line[field.Length..^2].Trim(), CultureInfo.InvariantCulture) * 1024;
    }
}
