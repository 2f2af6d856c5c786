using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>Fetching a stream of memory ahead of its use.</summary>
/// <remarks>
/// A core looks some hundred instructions ahead by itself. Narrow weights take more instructions a byte than float32 ones, so the loads that
/// it finds there are fewer bytes than memory can have under way. A fetch past the end of a buffer does nothing.
/// </remarks>
internal static unsafe class Fetch
{
    /// <summary>Bytes; on a machine with longer lines a fetch is repeated.</summary>
    public const int CacheLine = 64;

    /// <summary>Bytes. Measured: 4 to 16 KiB do alike, 1 KiB gains half as much.</summary>
    private const int Distance = 8192;

    /// <summary>Fetches the cache line that a stream reaches <see cref="Distance"/> bytes after <paramref name="at"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Ahead(byte* at)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(at + Distance);
        }
    }

    /// <summary>Fetches the cache line of an address into the second-level cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Line(byte* at)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch1(at);
        }
    }

    /// <summary>Fetches a stretch of memory that will be written or read soon.</summary>
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
