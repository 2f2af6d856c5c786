using System.Runtime.CompilerServices;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// Four bits a weight, stored as w + 8, in groups of 32. A byte holds two outputs: 0 … 7 in the lower four bits with
/// 8 … 15 in the upper four, then 16 … 23 with 24 … 31.
/// </summary>
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
