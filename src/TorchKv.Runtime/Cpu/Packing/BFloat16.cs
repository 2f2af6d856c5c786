using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TorchKv.Runtime.Cpu.Packing;

/// <summary>Conversions between float32 and bfloat16, which is the upper half of a float32.</summary>
/// <remarks>Kernels widen whole vectors themselves.</remarks>
internal static class BFloat16
{
    /// <summary>Rounds to the nearest bfloat16, ties to even. A NaN stays a NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Round(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return (bits & 0x7FFFFFFF) > 0x7F800000
            ? (ushort)((bits >> 16) | 0x40)
            : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>Rounds eight finite floats to the nearest bfloat16, ties to even; the result is float32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> RoundFinite(Vector256<float> value)
    {
        var bits = value.AsInt32();
        var rounded = bits + Vector256.Create(0x7FFF) + (Vector256.ShiftRightLogical(bits, 16) & Vector256<int>.One);
        return (rounded & Vector256.Create(unchecked((int)0xFFFF0000))).AsSingle();
    }

    /// <summary>The float32 of the same value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Widen(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);
}
