using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// A vector of float32 lanes of one width. Kernels are written once over it; every operation is exact or rounded once per lane
/// (IEEE 754), so that a kernel gives the same bits at every width, one lane (<see cref="Lanes1"/>) being its definition.
/// </summary>
internal interface IFloatLanes<V>
    where V : struct
{
    /// <summary>Lanes in a vector: 1, 4, 8 or 16.</summary>
    static abstract int Count { get; }

    static abstract unsafe V Load(float* source);

    /// <summary>Widens bfloat16, which is float32's upper half.</summary>
    static abstract unsafe V LoadBFloat16(ushort* source);

    /// <summary>Sixteen bytes for <see cref="Decode"/> to look up, in every 128 bits where there are as many.</summary>
    static abstract unsafe V LoadTable(byte* source);

    /// <summary>Two inputs of a unit of <see cref="CodedPanel"/>: outputs o … and o + 16 … of the even one, then of the odd one.</summary>
    /// <param name="table">From <see cref="LoadTable"/>.</param>
    /// <param name="bytes">What <paramref name="table"/> was loaded from.</param>
    /// <param name="codes">The unit's codes.</param>
    /// <param name="lower">The two inputs' lower bytes.</param>
    /// <param name="o">The first output: a multiple of <see cref="Count"/> below 16.</param>
    /// <param name="upperHalf">Whether the inputs' codes are in the upper halves of their bytes.</param>
    /// <param name="even">Outputs o … of the even input.</param>
    /// <param name="even16">Outputs o + 16 ….</param>
    /// <param name="odd">Outputs o … of the odd input.</param>
    /// <param name="odd16">Outputs o + 16 ….</param>
    static abstract unsafe void Decode(V table, byte* bytes, byte* codes, byte* lower, int o, bool upperHalf, out V even, out V even16, out V odd, out V odd16);

    static abstract unsafe void Store(V value, float* destination);

    static abstract V All(float value);

    static abstract V Add(V a, V b);

    static abstract V Subtract(V a, V b);

    static abstract V Multiply(V a, V b);

    static abstract V Divide(V a, V b);

    /// <summary>a · b + c, rounded once.</summary>
    static abstract V Fma(V a, V b, V c);

    /// <summary>Per lane <c>a &gt; b ? x : y</c>.</summary>
    static abstract V IfGreater(V a, V b, V x, V y);

    static abstract V Abs(V value);

    /// <summary>The magnitude of one with the sign of the other.</summary>
    static abstract V CopySign(V magnitude, V sign);

    /// <summary>value · 2ⁿ, where <paramref name="shifted"/> is n + 1.5 · 2²³ and the product is a normal number.</summary>
    static abstract V Scale(V value, V shifted);

    /// <summary>The greatest lane; lanes are not NaN.</summary>
    static abstract float Greatest(V value);

    /// <summary>The sum of lanes that are integers, so that every order gives the same.</summary>
    static abstract float SumOfIntegers(V value);

    /// <summary>Stores the lowest byte of each lane's bits.</summary>
    static abstract unsafe void StoreLowBytes(V value, sbyte* destination);
}
