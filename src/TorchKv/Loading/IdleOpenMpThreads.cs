using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TorchKv.Loading;

/// <summary>
/// Lets libtorch's OpenMP threads sleep between two loops. By default they spin: other work loses the cores.
/// </summary>
/// <remarks>
/// libgomp reads the variable when it is loaded, which is when the first tensor is made. So this runs before any other
/// code of the assembly. It is compiled into this library and into each program that has libtorch.
/// </remarks>
file static class IdleOpenMpThreads
{
    [ModuleInitializer]
    internal static void LetThemSleep()
    {
        if (OperatingSystem.IsLinux()
            && Environment.GetEnvironmentVariable("GOMP_SPINCOUNT") is null
            && Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is null)
        {
            // Not Environment.SetEnvironmentVariable: that changes .NET's copy, and libgomp reads the original.
            _ = setenv("GOMP_SPINCOUNT\0"u8.ToArray(), "0\0"u8.ToArray(), 0);
        }
    }

    [DllImport("libc")]
    private static extern int setenv(byte[] name, byte[] value, int overwrite);
}
