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
}
