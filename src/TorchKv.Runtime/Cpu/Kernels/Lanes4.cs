using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>4 lanes in a 128-bit vector.</summary>
internal readonly struct Lanes4 : IFloatLanes<Vector128<float>>
{
    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 4;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vector128<float> Load(float* source) => Vector128.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vector128<float> LoadBFloat16(ushort* source) =>
        Vector128
            .ShiftLeft(Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(ulong*)source).AsUInt16()), 16)
            .AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vector128<float> LoadTable(byte* source) => Vector128.Load((float*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Decode(
        Vector128<float> table,
        byte* bytes,
        byte* codes,
        byte* lower,
        int o,
        bool upperHalf,
        out Vector128<float> even,
        out Vector128<float> even16,
        out Vector128<float> odd,
        out Vector128<float> odd16)
    {
        var code = Vector128.Load(codes + (o * 4));
        code = upperHalf ? Vector128.ShiftRightLogical(code, 4) : code & Vector128.Create((byte)0x0F);
        var upper = Vector128.Shuffle(table.AsByte(), code);
        var low = Vector128.Load(lower + (o * 4));

        // Interleave: every 16-bit lane gets a lower byte and, above it, the upper byte from the look-up.
        var (first, firstUpper) = Vector128.Widen(low);
        var (second, secondUpper) = Vector128.Widen(upper);
        var evens = (first | Vector128.ShiftLeft(second, 8)).AsUInt32();
        var odds = (firstUpper | Vector128.ShiftLeft(secondUpper, 8)).AsUInt32();
        even = Vector128.ShiftLeft(evens, 16).AsSingle();
        even16 = (evens & Vector128.Create(0xFFFF0000)).AsSingle();
        odd = Vector128.ShiftLeft(odds, 16).AsSingle();
        odd16 = (odds & Vector128.Create(0xFFFF0000)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Store(Vector128<float> value, float* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> All(float value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Subtract(Vector128<float> a, Vector128<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Divide(Vector128<float> a, Vector128<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Fma(Vector128<float> a, Vector128<float> b, Vector128<float> c) =>
        Vector128.FusedMultiplyAdd(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> IfGreater(
        Vector128<float> a, Vector128<float> b, Vector128<float> x, Vector128<float> y) =>
        Vector128.ConditionalSelect(Vector128.GreaterThan(a, b), x, y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Abs(Vector128<float> value) => Vector128.Abs(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> CopySign(Vector128<float> magnitude, Vector128<float> sign) =>
        Vector128.CopySign(magnitude, sign);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Scale(Vector128<float> value, Vector128<float> shifted) =>
        (value.AsInt32() + Vector128.ShiftLeft(shifted.AsInt32(), 23)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Greatest(Vector128<float> value)
    {
        var pairs = Vector128.Max(value, Vector128.Shuffle(value, Vector128.Create(2, 3, 0, 1)));
        return Math.Max(pairs[0], pairs[1]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SumOfIntegers(Vector128<float> value) => Vector128.Sum(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void StoreLowBytes(Vector128<float> value, sbyte* destination)
    {
        var words = Vector128.Narrow(value.AsInt32(), value.AsInt32());
        *(int*)destination = Vector128.Narrow(words, words).AsInt32().ToScalar();
    }
}
