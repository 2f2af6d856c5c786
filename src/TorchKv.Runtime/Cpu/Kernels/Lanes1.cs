using System.Runtime.CompilerServices;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// One lane. It defines what every kernel computes. It runs on processors without a fused multiply-add instruction.
/// </summary>
internal readonly struct Lanes1 : IFloatLanes<float>
{
    public static int Count => 1;

    public static unsafe float Load(float* source) => *source;

    public static unsafe float LoadBFloat16(ushort* source) => BFloat16.Widen(*source);

    public static unsafe float LoadTable(byte* source) => 0;

    public static unsafe void Decode(
        float table,
        byte* bytes,
        byte* codes,
        byte* lower,
        int o,
        bool upperHalf,
        out float even,
        out float even16,
        out float odd,
        out float odd16)
    {
        var place = CodedPanel.Place(0, o);
        float At(int at) => BFloat16.Widen((ushort)((bytes[(codes[at] >> (upperHalf ? 4 : 0)) & 15] << 8) | lower[at]));
        even = At(place);
        even16 = At(place + 1);
        odd = At(place + 8);
        odd16 = At(place + 9);
    }

    public static unsafe void Store(float value, float* destination) => *destination = value;

    public static float All(float value) => value;

    public static float Add(float a, float b) => a + b;

    public static float Subtract(float a, float b) => a - b;

    public static float Multiply(float a, float b) => a * b;

    public static float Divide(float a, float b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Fma(float a, float b, float c) => MathF.FusedMultiplyAdd(a, b, c);

    public static float IfGreater(float a, float b, float x, float y) => a > b ? x : y;

    public static float Abs(float value) => MathF.Abs(value);

    public static float CopySign(float magnitude, float sign) => MathF.CopySign(magnitude, sign);

    public static float Scale(float value, float shifted) =>
        BitConverter.Int32BitsToSingle(
            BitConverter.SingleToInt32Bits(value) + (BitConverter.SingleToInt32Bits(shifted) << 23));

    public static float Greatest(float value) => value;

    public static float SumOfIntegers(float value) => value;

    public static unsafe void StoreLowBytes(float value, sbyte* destination) =>
        *destination = (sbyte)BitConverter.SingleToInt32Bits(value);
}
