namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// Integer arithmetic on a vector of int32 lanes, each of which may also hold four bytes (a quad).
/// Integer sums are exact, so every vector width gives the same bits.
/// </summary>
/// <typeparam name="I">The vector of int32 lanes.</typeparam>
/// <typeparam name="F">The vector of equally many float32 lanes.</typeparam>
internal interface IDotLanes<I, F>
    where I : struct
    where F : struct
{
    /// <summary>Lanes in a vector: 1, 4 or 8.</summary>
    static abstract int Count { get; }

    static abstract unsafe I Load(byte* source);

    static abstract I All(int value);

    /// <summary>The same quad in every lane.</summary>
    static abstract unsafe I AllQuads(sbyte* source);

    /// <summary>
    /// Per lane: sum + the dot product of four unsigned bytes of <paramref name="w"/> and four signed bytes of
    /// <paramref name="x"/>.
    /// </summary>
    static abstract I Dot(I sum, I w, I x);

    /// <summary>The lower four bits of every byte.</summary>
    static abstract I LowNibbles(I value);

    /// <summary>The upper four bits of every byte.</summary>
    static abstract I HighNibbles(I value);

    /// <summary>Builds bytes of six bits from two places.</summary>
    /// <param name="nibbles">
    /// The lower four bits: the low nibbles belong to <paramref name="first"/>, the high ones to
    /// <paramref name="second"/>.
    /// </param>
    /// <param name="upper">The upper two bits of both, in every byte.</param>
    /// <param name="shift">
    /// The bit of <paramref name="upper"/> where the two bits of <paramref name="first"/> begin; those of
    /// <paramref name="second"/> follow.
    /// </param>
    /// <param name="first">The first result.</param>
    /// <param name="second">The second result.</param>
    static abstract void WithUpperBits(I nibbles, I upper, int shift, out I first, out I second);

    /// <summary>Loads weight scales, which are stored as bfloat16.</summary>
    static abstract unsafe F LoadScales(ushort* source);

    /// <summary>Per lane: c = fma(sum, weightScale · rowScale, c).</summary>
    static abstract unsafe void Accumulate(I sum, F weightScales, float rowScale, float* c);
}
