namespace TorchKv.Runtime.Sampling;

/// <summary>
/// Finds where a running sum over sorted keys passes a threshold, without sorting: three passes over the keys, in any
/// order of values the same cost.
/// </summary>
internal sealed class RadixSelect
{
    private const int BucketBits = 11;
    private const int BucketCount = 1 << BucketBits;

    private readonly double[] _weights = new double[BucketCount];
    private readonly int[] _counts = new int[BucketCount];

    /// <summary>A key that sorts as the float does; −0 and +0 are one.</summary>
    public static uint Key(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value + 0f);
        return bits ^ ((uint)((int)bits >> 31) | 0x8000_0000);
    }

    /// <summary>
    /// The smallest key such that the weights of all keys up to and with it sum to more than the threshold; the
    /// greatest key if they never do.
    /// </summary>
    /// <param name="keys">The keys, at least one.</param>
    /// <param name="weights">Their weights, not negative; empty: 1 each.</param>
    /// <param name="threshold">
    /// Sums are rounded to float before they are compared with it, as PyTorch's cumsum over float32 does.
    /// </param>
    /// <param name="below">
    /// In: the weights' sum over smaller keys that are not given. Out: the same over all keys smaller than the result.
    /// </param>
    public uint Find(ReadOnlySpan<uint> keys, ReadOnlySpan<double> weights, float threshold, ref double below)
    {
        var prefix = 0u;
        for (var shift = 32; shift > 0;)
        {
            var bits = Math.Min(BucketBits, shift);
            Fill(keys, weights, prefix, shift, bits);
            prefix = (prefix << bits) | (uint)Crossing(1 << bits, threshold, ref below);
            shift -= bits;
        }

        return prefix;
    }

    private void Fill(ReadOnlySpan<uint> keys, ReadOnlySpan<double> weights, uint prefix, int shift, int bits)
    {
        Array.Clear(_weights);
        Array.Clear(_counts);
        for (var i = 0; i < keys.Length; i++)
        {
            // The bits above the digit must be the prefix; a shift by 32 would shift by none.
            if (shift == 32 || keys[i] >> shift == prefix)
            {
                var digit = (int)(keys[i] >> (shift - bits)) & ((1 << bits) - 1);
                _weights[digit] += weights.IsEmpty ? 1 : weights[i];
                _counts[digit]++;
            }
        }
    }

    private int Crossing(int buckets, float threshold, ref double below)
    {
        var last = 0;
        var beforeLast = below;
        var sum = below;
        for (var digit = 0; digit < buckets; digit++)
        {
            if (_counts[digit] == 0)
            {
                continue;
            }

            (last, beforeLast) = (digit, sum);
            sum += _weights[digit];
            if ((float)sum > threshold)
            {
                break;
            }
        }

        below = beforeLast;
        return last;
    }
}
