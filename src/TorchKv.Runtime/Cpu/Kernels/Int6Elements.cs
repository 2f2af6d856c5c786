using System.Runtime.CompilerServices;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>Six bits a weight; see <see cref="IntegerPanel"/>.</summary>
internal readonly struct Int6Elements : IQuantizedElements
{
    public static int Group => IntegerPanel.Int6Group;

    public static int QuadBytes => IntegerPanel.Int6QuadBytes;

    public static int Offset => IntegerPanel.Int6Offset;

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
