using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>Four lanes in 128 bits: Arm's <c>sdot</c> where the processor has it, else 16-bit multiply-adds.</summary>
internal readonly struct Dots4 : IDotLanes<Vector128<int>, Vector128<float>>
{
    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 4;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vector128<int> Load(byte* source) => Vector128.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> All(int value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vector128<int> AllQuads(sbyte* source) => Vector128.Create(*(int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Dot(Vector128<int> sum, Vector128<int> w, Vector128<int> x)
    {
        if (Dp.IsSupported)
        {
            // sdot multiplies signed bytes. So it takes w − 128, and 128 · Σx is added afterwards.
            var signed = Dp.DotProduct(sum, (w ^ Vector128.Create(unchecked((int)0x80808080))).AsSByte(), x.AsSByte());
            return signed
                + Vector128.ShiftLeft(Dp.DotProduct(Vector128<int>.Zero, Vector128.Create((sbyte)1), x.AsSByte()), 7);
        }

        var evenW = w.AsInt16() & Vector128.Create((short)0xFF);
        var oddW = Vector128.ShiftRightLogical(w.AsInt16(), 8);
        var evenX = Vector128.ShiftRightArithmetic(Vector128.ShiftLeft(x.AsInt16(), 8), 8);
        var oddX = Vector128.ShiftRightArithmetic(x.AsInt16(), 8);
        if (Sse2.IsSupported)
        {
            return sum + Sse2.MultiplyAddAdjacent(evenW, evenX) + Sse2.MultiplyAddAdjacent(oddW, oddX);
        }

        // A product has up to 16 bits and a sign, so the factors are widened to 32 bits first.
        var low = Low(evenW) * Low(evenX) + (High(evenW) * High(evenX));
        return sum + low + (Low(oddW) * Low(oddX)) + (High(oddW) * High(oddX));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> LowNibbles(Vector128<int> value) => value & Vector128.Create(0x0F0F0F0F);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> HighNibbles(Vector128<int> value) =>
        Vector128.ShiftRightLogical(value, 4) & Vector128.Create(0x0F0F0F0F);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WithUpperBits(
        Vector128<int> nibbles, Vector128<int> upper, int shift, out Vector128<int> first, out Vector128<int> second)
    {
        upper = Vector128.ShiftRightLogical(upper, shift);
        first = LowNibbles(nibbles) | (Vector128.ShiftLeft(upper, 4) & Vector128.Create(0x30303030));
        second = HighNibbles(nibbles) | (Vector128.ShiftLeft(upper, 2) & Vector128.Create(0x30303030));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vector128<float> LoadScales(ushort* source) => Lanes4.LoadBFloat16(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Accumulate(Vector128<int> sum, Vector128<float> weightScales, float rowScale, float* c) =>
        Vector128.FusedMultiplyAdd(
            Vector128.ConvertToSingle(sum),
            weightScales * Vector128.Create(rowScale),
            Vector128.Load(c)).Store(c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Low(Vector128<short> value) =>
        Vector128.ShiftRightArithmetic(Vector128.ShiftLeft(value.AsInt32(), 16), 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> High(Vector128<short> value) =>
        Vector128.ShiftRightArithmetic(value.AsInt32(), 16);
}
