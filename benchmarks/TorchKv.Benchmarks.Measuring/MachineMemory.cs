using System.Globalization;
using System.Runtime.InteropServices;

namespace TorchKv.Benchmarks.Measuring;

/// <summary>The machine's memory and caches, as far as Linux tells.</summary>
internal static unsafe partial class MachineMemory
{
    private const int MadvHugePage = 14;

    /// <summary>
    /// Asks for transparent huge pages; elsewhere than on Linux, or where it refuses, pages stay small.
    /// </summary>
    public static void AdviseHugePages(void* memory, long bytes)
    {
        if (OperatingSystem.IsLinux())
        {
            _ = madvise(memory, (nuint)bytes, MadvHugePage);
        }
    }

    /// <summary>Bytes of the largest cache; 32 MiB where the kernel does not say.</summary>
    public static long LargestCacheBytes()
    {
        const string Size = "/sys/devices/system/cpu/cpu0/cache/index3/size";
        return File.Exists(Size)
            && long.TryParse(
                File.ReadAllText(Size).Trim().TrimEnd('K'), CultureInfo.InvariantCulture, out var kilobytes)
            ? kilobytes * 1024
            : 32 << 20;
    }

    [LibraryImport("libc")]
    private static partial int madvise(void* memory, nuint bytes, int advice);
}
