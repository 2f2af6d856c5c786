using System.Runtime.CompilerServices;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>A byte a weight, w + 128; groups of 64.</summary>
internal readonly struct Int8Elements : IQuantizedElements
{
    public static int Group => 64;

    public static int QuadBytes => 128;

    public static int Offset => 128;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Load<D, I, F>(byte* quad, int output, out I first, out I second)
        where D : IDotLanes<I, F>
        where I : struct
        where F : struct
    {
        first = D.Load(quad + (output * 4));
        second = D.Load(quad + (output * 4) + 32);
    }
}
