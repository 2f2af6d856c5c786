using System.Runtime.CompilerServices;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>Four bits a weight; see <see cref="IntegerPanel"/>.</summary>
internal readonly struct Int4Elements : IQuantizedElements
{
    public static int Group => IntegerPanel.Int4Group;

    public static int QuadBytes => IntegerPanel.Int4QuadBytes;

    public static int Offset => IntegerPanel.Int4Offset;

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
