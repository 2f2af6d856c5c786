using System.Globalization;
using System.Runtime.InteropServices;

namespace TorchKv.Benchmarks.Peers;

/// <summary>What /proc says of a process, and what .NET does not ask of the kernel.</summary>
internal static unsafe partial class Linux
{
    private const int MadvHugePage = 14;

    /// <summary>Asks for transparent huge pages; without Linux, or where it will not, pages stay small.</summary>
    public static void AdviseHugePages(void* memory, long bytes)
    {
        if (OperatingSystem.IsLinux())
        {
            _ = madvise(memory, (nuint)bytes, MadvHugePage);
        }
    }

    /// <summary>The most memory that a process had resident, in bytes (VmHWM).</summary>
    public static long PeakResidentBytes(int process) => Kilobytes(process, "VmHWM:") * 1024;

    /// <summary>Bytes of the largest cache; 32 MiB where the kernel does not say.</summary>
    public static long LargestCacheBytes()
    {
        const string size = "/sys/devices/system/cpu/cpu0/cache/index3/size";
        return File.Exists(size) && long.TryParse(File.ReadAllText(size).Trim().TrimEnd('K'), CultureInfo.InvariantCulture, out var kilobytes) ? kilobytes * 1024 : 32 << 20;
    }

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

    [LibraryImport("libc")]
    private static partial int madvise(void* memory, nuint bytes, int advice);
}
