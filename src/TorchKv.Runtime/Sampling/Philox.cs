namespace TorchKv.Runtime.Sampling;

/// <summary>
/// Philox4x32-10 (Salmon et al. 2011): random bits that depend on key and counter alone. A draw is found again without
/// those before it, so that preemption and speculative decoding choose the same tokens.
/// </summary>
internal static class Philox
{
    private const uint Multiplier0 = 0xD2511F53;
    private const uint Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9;
    private const uint Weyl1 = 0xBB67AE85;

    /// <summary>Four random words.</summary>
    public static (uint X0, uint X1, uint X2, uint X3) Block(
        (uint X0, uint X1, uint X2, uint X3) counter,
        (uint K0, uint K1) key)
    {
        var (x0, x1, x2, x3) = counter;
        var (k0, k1) = key;
        for (var round = 0; round < 10; round++)
        {
            var product0 = (ulong)Multiplier0 * x0;
            var product1 = (ulong)Multiplier1 * x2;
            (x0, x1, x2, x3) = (
                (uint)(product1 >> 32) ^ x1 ^ k0,
                (uint)product1,
                (uint)(product0 >> 32) ^ x3 ^ k1,
                (uint)product0);
            k0 = unchecked(k0 + Weyl0);
            k1 = unchecked(k1 + Weyl1);
        }

        return (x0, x1, x2, x3);
    }

    /// <summary>64 random bits for a seed and a counter of two parts.</summary>
    public static ulong Bits(ulong seed, ulong counter, uint stream)
    {
        var (x0, x1, _, _) = Block(((uint)counter, (uint)(counter >> 32), stream, 0), ((uint)seed, (uint)(seed >> 32)));
        return ((ulong)x1 << 32) | x0;
    }

    /// <summary>A number in [0, 1), a multiple of 2^−53.</summary>
    public static double Uniform(ulong seed, ulong counter) =>
        (Bits(seed, counter, stream: 0) >> 11) * (1.0 / (1UL << 53));
}
