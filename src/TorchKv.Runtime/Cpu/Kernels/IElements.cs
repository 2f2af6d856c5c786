using System.Runtime.CompilerServices;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>How stored numbers (weights, keys, values) become float32 lanes, exactly.</summary>
internal interface IElements
{
    /// <summary>Bytes of a stored number.</summary>
    static abstract int Bytes { get; }

    static abstract unsafe V Load<L, V>(byte* source)
        where L : IFloatLanes<V>
        where V : struct;
}

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

/// <summary>bfloat16 is the upper half of a float32.</summary>
internal static class BFloat16
{
    /// <summary>To nearest, ties to even; a NaN stays one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Round(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return (bits & 0x7FFFFFFF) > 0x7F800000
            ? (ushort)((bits >> 16) | 0x40)
            : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Widen(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);
}
