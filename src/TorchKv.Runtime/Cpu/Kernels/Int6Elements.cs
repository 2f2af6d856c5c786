using System.Runtime.CompilerServices;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// Six bits a weight, w + 32; groups of 64. A quad is 64 bytes of the four lower bits, as <see cref="Int4Elements"/> has them, and 32 of the two upper ones:
/// of outputs o, o + 8, o + 16 and o + 24 from the lowest bits of a byte up.
/// </summary>
internal readonly struct Int6Elements : IQuantizedElements
{
    public static int Group => 64;

    public static int QuadBytes => 96;

    public static int Offset => 32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Load<D, I, F>(byte* quad, int output, out I first, out I second)
        where D : IDotLanes<I, F>
        where I : struct
        where F : struct
    {
        var lower = D.Load(quad + ((output & 16) * 2) + ((output & 15) * 4));
        var upper = D.Load(quad + 64 + ((output & 15) * 4));
        D.WithUpperBits(lower, upper, (output & 16) / 4, out first, out second);
    }
}
