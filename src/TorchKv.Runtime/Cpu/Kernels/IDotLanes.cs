namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// A vector of int32 lanes, each of which also stands for four bytes. Integer sums are exact, so every width gives the same bits.
/// </summary>
/// <typeparam name="I">The vector of integers.</typeparam>
/// <typeparam name="F">The vector of as many float32.</typeparam>
internal interface IDotLanes<I, F>
    where I : struct
    where F : struct
{
    /// <summary>Lanes in a vector: 1, 4 or 8.</summary>
    static abstract int Count { get; }

    static abstract unsafe I Load(byte* source);

    static abstract I All(int value);

    /// <summary>The same four bytes in every lane.</summary>
    static abstract unsafe I AllQuads(sbyte* source);

    /// <summary>Per lane sum + Σ of the four products of an unsigned byte of <paramref name="w"/> with a signed byte of <paramref name="x"/>.</summary>
    static abstract I Dot(I sum, I w, I x);

    static abstract I LowNibbles(I value);

    static abstract I HighNibbles(I value);

    /// <summary>
    /// Bytes of six bits: the lower and the upper nibbles of <paramref name="nibbles"/>, with bits (<paramref name="shift"/>, + 1) and
    /// (<paramref name="shift"/> + 2, + 3) of <paramref name="upper"/>'s bytes above them.
    /// </summary>
    static abstract void WithUpperBits(I nibbles, I upper, int shift, out I first, out I second);

    /// <summary>Weight scales, from bfloat16.</summary>
    static abstract unsafe F LoadScales(ushort* source);

    /// <summary>c = fma(sum, weightScale · rowScale, c).</summary>
    static abstract unsafe void Accumulate(I sum, F weightScales, float rowScale, float* c);
}
