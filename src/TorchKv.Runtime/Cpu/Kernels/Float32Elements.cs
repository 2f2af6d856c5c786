using System.Runtime.CompilerServices;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>Stored as they are computed.</summary>
internal readonly struct Float32Elements : IElements
{
    public static int Bytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 4;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe V Load<L, V>(byte* source)
        where L : IFloatLanes<V>
        where V : struct => L.Load((float*)source);
}
