using System.Runtime.InteropServices;

namespace TorchKv.Runtime.Cpu;

/// <summary>Zeroed memory outside the managed heap, aligned to a page at least; large buffers ask for huge pages.</summary>
/// <remarks>Untouched pages cost no memory.</remarks>
internal sealed unsafe partial class NativeBuffer : IDisposable
{
    private const nuint HugePage = 2 << 20;
    private void* allocation;

    /// <param name="bytes">Size.</param>
    /// <exception cref="OutOfMemoryException">There is not that much address space.</exception>
    public NativeBuffer(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        var huge = bytes >= 2 * (long)HugePage;
        var alignment = huge ? HugePage : 4096;
        allocation = NativeMemory.AllocZeroed((nuint)bytes + alignment);
        Pointer = (byte*)(((nuint)allocation + alignment - 1) & ~(alignment - 1));
        Bytes = bytes;
        if (huge && OperatingSystem.IsLinux())
        {
            try
            {
                // Fewer page faults at the start, fewer misses of the translation cache afterwards. A refusal changes nothing else.
                _ = MAdvise(Pointer, (nuint)bytes, MAdvHugePage);
            }
            catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException)
            {
                // A C library of another name.
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
        NativeMemory.Free(allocation);
        allocation = null;
        Pointer = null;
    }
}
