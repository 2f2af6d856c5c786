using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>Software prefetching: asks memory for cache lines before they are read.</summary>
/// <remarks>
/// A core looks some hundred instructions ahead by itself. Narrow weights take more instructions per byte than float32
/// weights, so the loads within that reach ask for fewer bytes than memory could deliver at once.
/// A prefetch past the end of a buffer is harmless. On processors other than x64 the methods do nothing.
/// </remarks>
internal static unsafe class Prefetch
{
    /// <summary>Bytes of a cache line. On a processor with longer lines some prefetches are repeated.</summary>
    public const int CacheLine = 64;

    /// <summary>Bytes. By measurement 4 to 16 KiB are equally good; 1 KiB gains half as much.</summary>
    private const int Distance = 8192;

    /// <summary>Prefetches the line 8 KiB after <paramref name="at"/> into all cache levels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Ahead(byte* at)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(at + Distance);
        }
    }

    /// <summary>Prefetches the cache line of an address into the second-level cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Line(byte* at)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch1(at);
        }
    }

    /// <summary>Prefetches a range of memory that will be read or written soon into all cache levels.</summary>
    public static void Lines(byte* at, long bytes)
    {
        if (Sse.IsSupported)
        {
            for (long i = 0; i < bytes; i += CacheLine)
            {
                Sse.Prefetch0(at + i);
            }
        }
    }
}
