using System.Runtime.CompilerServices;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>Stored as bfloat16: a shift widens it.</summary>
internal readonly struct BFloat16Elements : IElements
{
    public static int Bytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 2;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe V Load<L, V>(byte* source)
        where L : IFloatLanes<V>
        where V : struct => L.LoadBFloat16((ushort*)source);
}
