using System.Globalization;

namespace TorchKv.Benchmarks.Measuring;

/// <summary>A process's memory as Linux counts it, in bytes; 0 where there is no /proc.</summary>
internal static class ProcessMemory
{
    /// <summary>What of this process is resident now, after a collection of the managed heap.</summary>
    public static long Resident()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Read("self", "VmRSS:");
    }

    /// <summary>The most of this process that was ever resident.</summary>
    public static long Peak() => Read("self", "VmHWM:");

    /// <summary>The most of a process that was ever resident; 0 once it has ended.</summary>
    public static long PeakOf(int process) => Read(process.ToString(CultureInfo.InvariantCulture), "VmHWM:");

    private static long Read(string process, string field)
    {
        try
        {
            var line = File.ReadLines($"/proc/{process}/status")
                .FirstOrDefault(line => line.StartsWith(field, StringComparison.Ordinal));
            return line is null ? 0 : long.Parse(line[field.Length..^2].Trim(), CultureInfo.InvariantCulture) * 1024;
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
