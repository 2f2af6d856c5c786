using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// Eight lanes in 256 bits: <c>vpdpbusd</c> where the processor has it, else two 16-bit multiply-adds.
/// </summary>
internal readonly struct Dots8 : IDotLanes<Vector256<int>, Vector256<float>>
{
    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 8;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vector256<int> Load(byte* source) => Vector256.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> All(int value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vector256<int> AllQuads(sbyte* source) => Vector256.Create(*(int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Dot(Vector256<int> sum, Vector256<int> w, Vector256<int> x)
    {
        if (AvxVnni.IsSupported)
        {
            return AvxVnni.MultiplyWideningAndAdd(sum, w.AsByte(), x.AsSByte());
        }

        // vpmaddubsw would not do: its 16-bit sums saturate. First bytes 0 and 2 of each lane, then bytes 1 and 3.
        var even = Avx2.MultiplyAddAdjacent(
            Vector256.BitwiseAnd(w.AsInt16(), Vector256.Create((short)0xFF)),
            Vector256.ShiftRightArithmetic(Vector256.ShiftLeft(x.AsInt16(), 8), 8));
        var odd = Avx2.MultiplyAddAdjacent(
            Vector256.ShiftRightLogical(w.AsInt16(), 8),
            Vector256.ShiftRightArithmetic(x.AsInt16(), 8));
        return sum + even + odd;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> LowNibbles(Vector256<int> value) => value & Vector256.Create(0x0F0F0F0F);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> HighNibbles(Vector256<int> value) =>
        Vector256.ShiftRightLogical(value, 4) & Vector256.Create(0x0F0F0F0F);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WithUpperBits(
        Vector256<int> nibbles, Vector256<int> upper, int shift, out Vector256<int> first, out Vector256<int> second)
    {
        upper = Vector256.ShiftRightLogical(upper, shift);
        first = LowNibbles(nibbles) | (Vector256.ShiftLeft(upper, 4) & Vector256.Create(0x30303030));
        second = HighNibbles(nibbles) | (Vector256.ShiftLeft(upper, 2) & Vector256.Create(0x30303030));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vector256<float> LoadScales(ushort* source) => Lanes8.LoadBFloat16(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Accumulate(Vector256<int> sum, Vector256<float> weightScales, float rowScale, float* c) =>
        Vector256.FusedMultiplyAdd(
            Vector256.ConvertToSingle(sum),
            weightScales * Vector256.Create(rowScale),
            Vector256.Load(c)).Store(c);
}
