using System.Numerics;
using System.Runtime.Intrinsics;

namespace TorchKv.Runtime.Sampling;

/// <summary>
/// A set of token ids as bits: bit <c>id % 64</c> of word <c>id / 64</c>. Changes rows of logits by it.
/// </summary>
internal static class TokenMask
{
    private static readonly Vector256<int> s_lanes = Vector256.Create(1, 2, 4, 8, 16, 32, 64, 128);

    /// <summary>Words that hold this many ids.</summary>
    public static int Words(int ids) => (ids + 63) / 64;

    /// <summary>A mask of some ids.</summary>
    /// <param name="ids">The ids, each below <paramref name="vocabSize"/>.</param>
    /// <param name="vocabSize">Ids that the mask has room for.</param>
    public static ulong[] Of(IEnumerable<int> ids, int vocabSize)
    {
        var words = new ulong[Words(vocabSize)];
        foreach (var id in ids)
        {
            words[id / 64] |= 1UL << (id % 64);
        }

        return words;
    }

    /// <summary>Whether an id is in the mask.</summary>
    public static bool Contains(ReadOnlySpan<ulong> mask, int id) => (mask[id / 64] & (1UL << (id % 64))) != 0;

    /// <summary>Number of ids in the mask.</summary>
    public static int Count(ReadOnlySpan<ulong> mask)
    {
        var count = 0;
        foreach (var word in mask)
        {
            count += BitOperations.PopCount(word);
        }

        return count;
    }

    /// <summary>Takes the ids from a limit on out of a mask.</summary>
    public static void ClearFrom(Span<ulong> mask, int limit)
    {
        if (limit >= mask.Length * 64)
        {
            return;
        }

        mask[limit / 64] &= (1UL << (limit % 64)) - 1;
        mask[((limit / 64) + 1)..].Clear();
    }

    /// <summary>Sets the logits of all other ids to −∞.</summary>
    /// <param name="allowed">The ids that keep their logits; ids past its end do not.</param>
    /// <param name="logits">(vocabulary); changed in place.</param>
    public static void Keep(ReadOnlySpan<ulong> allowed, Span<float> logits)
    {
        var start = 0;
        for (; start < allowed.Length && start * 64 < logits.Length; start++)
        {
            var row = logits.Slice(start * 64, Math.Min(64, logits.Length - (start * 64)));
            if (allowed[start] == 0)
            {
                row.Fill(float.NegativeInfinity);
            }
            else if (allowed[start] != ulong.MaxValue)
            {
                Keep(allowed[start], row);
            }
        }

        if (start * 64 < logits.Length)
        {
            logits[(start * 64)..].Fill(float.NegativeInfinity);
        }
    }

    private static void Keep(ulong word, Span<float> logits)
    {
        var i = 0;
        for (; i + Vector256<float>.Count <= logits.Length; i += Vector256<float>.Count)
        {
            var lanes = logits.Slice(i, Vector256<float>.Count);
            var bits = Vector256.Create((int)(byte)(word >> i)) & s_lanes;
            Vector256.ConditionalSelect(
                Vector256.Equals(bits, s_lanes).AsSingle(),
                Vector256.Create<float>(lanes),
                Vector256.Create(float.NegativeInfinity)).CopyTo(lanes);
        }

        for (; i < logits.Length; i++)
        {
            if ((word >> i & 1) == 0)
            {
                logits[i] = float.NegativeInfinity;
            }
        }
    }
}
