using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TorchKv.Loading;

/// <summary>Makes libtorch's OpenMP threads sleep between two loops. By default they spin, and take the cores from other work.</summary>
/// <remarks>
/// libgomp reads the variable when it is loaded, which is when the first tensor is made. So this runs before any other code of the
/// assembly. It is compiled into this library and into each program of the repository that uses TorchSharp directly.
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
            // Not Environment.SetEnvironmentVariable: it changes a copy that .NET keeps, and libgomp reads the original.
            _ = setenv("GOMP_SPINCOUNT\0"u8.ToArray(), "0\0"u8.ToArray(), 0);
        }
    }

    [DllImport("libc")]
    private static extern int setenv(byte[] name, byte[] value, int overwrite);
}
