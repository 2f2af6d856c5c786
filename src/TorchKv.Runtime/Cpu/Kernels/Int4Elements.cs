using System.Runtime.CompilerServices;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>Half a byte a weight, w + 8; groups of 32. Outputs 8 … 15 lie in the upper halves of the bytes of 0 … 7, 24 … 31 in those of 16 … 23.</summary>
internal readonly struct Int4Elements : IQuantizedElements
{
    public static int Group => 32;

    public static int QuadBytes => 64;

    public static int Offset => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Load<D, I, F>(byte* quad, int output, out I first, out I second)
        where D : IDotLanes<I, F>
        where I : struct
        where F : struct
    {
        var both = D.Load(quad + ((output & 16) * 2) + ((output & 15) * 4));
        first = D.LowNibbles(both);
        second = D.HighNibbles(both);
    }
}
