using System.Runtime.InteropServices;

namespace TorchKv.Runtime.Cpu.Memory;

/// <summary>
/// Zeroed memory outside the managed heap, aligned to a page. Buffers of 4 MiB and more ask the system for huge pages.
/// </summary>
/// <remarks>Pages take memory when they are first written.</remarks>
internal sealed unsafe partial class NativeBuffer : IDisposable
{
    private const nuint HugePage = 2 << 20;
    private void* _allocation;

    /// <param name="bytes">Size in bytes.</param>
    /// <exception cref="OutOfMemoryException">The system cannot reserve that many bytes.</exception>
    public NativeBuffer(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        var huge = bytes >= 2 * (long)HugePage;
        var alignment = huge ? HugePage : 4096;
        _allocation = NativeMemory.AllocZeroed((nuint)bytes + alignment);
        Pointer = (byte*)(((nuint)_allocation + alignment - 1) & ~(alignment - 1));
        Bytes = bytes;
        if (huge && OperatingSystem.IsLinux())
        {
            try
            {
                // Huge pages mean fewer page faults and fewer TLB misses. If the system refuses, nothing else changes.
                _ = MAdvise(Pointer, (nuint)bytes, MAdvHugePage);
            }
            catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException)
            {
                // The C library has another name here, so the buffer keeps its normal pages.
            }
        }
    }

    ~NativeBuffer() => Free();

    /// <summary>The first byte.</summary>
    public byte* Pointer { get; private set; }

    /// <summary>Size in bytes.</summary>
    public long Bytes { get; }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private const int MAdvHugePage = 14;

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int MAdvise(void* address, nuint length, int advice);

    private void Free()
    {
        NativeMemory.Free(_allocation);
        _allocation = null;
        Pointer = null;
    }
}
