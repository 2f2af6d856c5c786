using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>8 lanes in a 256-bit vector.</summary>
internal readonly struct Lanes8 : IFloatLanes<Vector256<float>>
{
    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 8;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vector256<float> Load(float* source) => Vector256.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vector256<float> LoadBFloat16(ushort* source) =>
        Vector256.ShiftLeft(Avx2.ConvertToVector256Int32(Vector128.Load(source)), 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vector256<float> LoadTable(byte* source) => Avx.BroadcastVector128ToVector256((float*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Decode(
        Vector256<float> table,
        byte* bytes,
        byte* codes,
        byte* lower,
        int o,
        bool upperHalf,
        out Vector256<float> even,
        out Vector256<float> even16,
        out Vector256<float> odd,
        out Vector256<float> odd16)
    {
        var code = Vector256.Load(codes + (o * 4));
        code = (upperHalf ? Vector256.ShiftRightLogical(code.AsUInt16(), 4).AsByte() : code)
            & Vector256.Create((byte)0x0F);
        var upper = Avx2.Shuffle(table.AsByte(), code);
        var low = Vector256.Load(lower + (o * 4));
        var first = Avx2.UnpackLow(low, upper).AsUInt32();
        var second = Avx2.UnpackHigh(low, upper).AsUInt32();
        even = Vector256.ShiftLeft(first, 16).AsSingle();
        even16 = (first & Vector256.Create(0xFFFF0000)).AsSingle();
        odd = Vector256.ShiftLeft(second, 16).AsSingle();
        odd16 = (second & Vector256.Create(0xFFFF0000)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Store(Vector256<float> value, float* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> All(float value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Subtract(Vector256<float> a, Vector256<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Divide(Vector256<float> a, Vector256<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Fma(Vector256<float> a, Vector256<float> b, Vector256<float> c) =>
        Vector256.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> IfGreater(
        Vector256<float> a, Vector256<float> b, Vector256<float> x, Vector256<float> y) =>
        Vector256.ConditionalSelect(Vector256.GreaterThan(a, b), x, y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Abs(Vector256<float> value) => Vector256.Abs(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> CopySign(Vector256<float> magnitude, Vector256<float> sign) =>
        Vector256.CopySign(magnitude, sign);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scale(Vector256<float> value, Vector256<float> shifted) =>
        (value.AsInt32() + Vector256.ShiftLeft(shifted.AsInt32(), 23)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Greatest(Vector256<float> value) =>
        Lanes4.Greatest(Vector128.Max(value.GetLower(), value.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SumOfIntegers(Vector256<float> value) => Vector256.Sum(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void StoreLowBytes(Vector256<float> value, sbyte* destination)
    {
        var words = Vector128.Narrow(value.AsInt32().GetLower(), value.AsInt32().GetUpper());
        *(long*)destination = Vector128.Narrow(words, words).AsInt64().ToScalar();
    }
}
