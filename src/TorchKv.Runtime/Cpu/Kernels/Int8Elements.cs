using System.Runtime.CompilerServices;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>Eight bits a weight; see <see cref="IntegerPanel"/>.</summary>
internal readonly struct Int8Elements : IQuantizedElements
{
    public static int Group => IntegerPanel.Int8Group;

    public static int QuadBytes => IntegerPanel.Int8QuadBytes;

    public static int Offset => IntegerPanel.Int8Offset;

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
