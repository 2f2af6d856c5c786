using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>One lane. It defines what <see cref="Dots4"/> and <see cref="Dots8"/> compute.</summary>
internal readonly struct Dots1 : IDotLanes<int, float>
{
    public static int Count => 1;

    public static unsafe int Load(byte* source) => *(int*)source;

    public static int All(int value) => value;

    public static unsafe int AllQuads(sbyte* source) => *(int*)source;

    public static int Dot(int sum, int w, int x) =>
        sum
        + ((byte)w * (sbyte)x)
        + ((byte)(w >> 8) * (sbyte)(x >> 8))
        + ((byte)(w >> 16) * (sbyte)(x >> 16))
        + ((byte)(w >> 24) * (sbyte)(x >> 24));

    public static int LowNibbles(int value) => value & 0x0F0F0F0F;

    public static int HighNibbles(int value) => (value >> 4) & 0x0F0F0F0F;

    public static void WithUpperBits(int nibbles, int upper, int shift, out int first, out int second)
    {
        upper = (int)((uint)upper >> shift);
        first = LowNibbles(nibbles) | ((upper << 4) & 0x30303030);
        second = HighNibbles(nibbles) | ((upper << 2) & 0x30303030);
    }

    public static unsafe float LoadScales(ushort* source) => BFloat16.Widen(*source);

    public static unsafe void Accumulate(int sum, float weightScales, float rowScale, float* c) =>
        *c = MathF.FusedMultiplyAdd(sum, weightScales * rowScale, *c);
}
