using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// A vector of float32 lanes. Every kernel is written once over this interface and compiled for each vector width.
/// Every operation is exact or rounded once per lane (IEEE 754), so a kernel gives the same bits at every width.
/// <see cref="Lanes1"/>, one lane, defines what a kernel computes.
/// </summary>
internal interface IFloatLanes<V>
    where V : struct
{
    /// <summary>Lanes in a vector: 1, 4, 8 or 16.</summary>
    static abstract int Count { get; }

    static abstract unsafe V Load(float* source);

    /// <summary>Loads bfloat16 numbers and widens them to float32.</summary>
    static abstract unsafe V LoadBFloat16(ushort* source);

    /// <summary>
    /// Loads the sixteen upper bytes that <see cref="Decode"/> looks up, once into each 128 bits of the vector.
    /// With one lane the vector is too short, and <see cref="Decode"/> reads memory instead.
    /// </summary>
    static abstract unsafe V LoadTable(byte* source);

    /// <summary>Decodes the weights of two inputs of a unit of <see cref="CodedPanel"/>.</summary>
    /// <param name="table">The result of <see cref="LoadTable"/>.</param>
    /// <param name="bytes">The memory that <paramref name="table"/> was loaded from.</param>
    /// <param name="codes">The unit's codes.</param>
    /// <param name="lower">The two inputs' lower bytes.</param>
    /// <param name="o">The first output: a multiple of <see cref="Count"/> below 16.</param>
    /// <param name="upperHalf">Whether the inputs' codes are in the upper halves of their bytes.</param>
    /// <param name="even">Outputs o … of the even input.</param>
    /// <param name="even16">Outputs o + 16 … of the even input.</param>
    /// <param name="odd">Outputs o … of the odd input.</param>
    /// <param name="odd16">Outputs o + 16 … of the odd input.</param>
    static abstract unsafe void Decode(
        V table,
        byte* bytes,
        byte* codes,
        byte* lower,
        int o,
        bool upperHalf,
        out V even,
        out V even16,
        out V odd,
        out V odd16);

    static abstract unsafe void Store(V value, float* destination);

    /// <summary>The same value in every lane.</summary>
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

    /// <summary>Per lane: |<paramref name="magnitude"/>| with the sign of <paramref name="sign"/>.</summary>
    static abstract V CopySign(V magnitude, V sign);

    /// <summary>
    /// Per lane: value · 2ⁿ, where <paramref name="shifted"/> is n + <see cref="Functions.Rounder"/> and the product is
    /// a normal number.
    /// </summary>
    static abstract V Scale(V value, V shifted);

    /// <summary>The greatest lane. No lane may be NaN.</summary>
    static abstract float Greatest(V value);

    /// <summary>The sum of the lanes. They hold integers, so the order of summation does not matter.</summary>
    static abstract float SumOfIntegers(V value);

    /// <summary>Stores the lowest byte of each lane's bits.</summary>
    static abstract unsafe void StoreLowBytes(V value, sbyte* destination);
}
