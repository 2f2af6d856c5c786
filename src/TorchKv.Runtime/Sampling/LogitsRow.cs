using System.Runtime.Intrinsics;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Sampling;

/// <summary>Sums and checks of one row of logits.</summary>
internal static class LogitsRow
{
    /// <summary>Refuses a model's logits that hold NaN or +∞, or nothing but −∞.</summary>
    public static void CheckModel(ReadOnlySpan<float> logits)
    {
        if (!float.IsFinite(Max(logits)) || ContainsNaN(logits))
        {
            throw NotFinite();
        }
    }

    /// <summary>Refuses a row of another vocabulary.</summary>
    public static void CheckLength(ReadOnlySpan<float> logits, int vocabSize)
    {
        if (logits.Length != vocabSize)
        {
            throw new ArgumentException($"{logits.Length} logits for a vocabulary of {vocabSize}.", nameof(logits));
        }
    }

    /// <summary>Refuses a row that no token can be chosen from.</summary>
    /// <param name="logits">The row.</param>
    /// <param name="max">The greatest of the logits that are left of it.</param>
    /// <exception cref="RequestFailedException">The row holds NaN or +∞, or nothing but −∞ is left of it.</exception>
    public static void CheckUsable(ReadOnlySpan<float> logits, float max)
    {
        if (float.IsPositiveInfinity(max) || ContainsNaN(logits))
        {
            throw NotFinite();
        }

        if (float.IsNegativeInfinity(max))
        {
            throw NoTokenLeft();
        }
    }

    /// <summary>The refusal where every token is banned.</summary>
    public static RequestFailedException NoTokenLeft() =>
        new(
            "No token is left to choose from: no_repeat_ngram_size, or another option that bans tokens, removed all.",
            null);

    /// <summary>ln Σ e^x, in double.</summary>
    /// <param name="logits">At least one; −∞ counts for nothing.</param>
    public static double LogSum(ReadOnlySpan<float> logits)
    {
        var max = Max(logits);
        var sum = 0.0;
        Span<double> chunk = stackalloc double[256];
        for (var i = 0; i < logits.Length; i += chunk.Length)
        {
            var part = logits.Slice(i, Math.Min(chunk.Length, logits.Length - i));
            DeterministicMath.Exp(part, max, chunk);
            sum += DeterministicMath.Sum(chunk[..part.Length]);
        }

        return max + DeterministicMath.Log(sum);
    }

    /// <summary>The greatest logit; NaN counts for nothing.</summary>
    public static float Max(ReadOnlySpan<float> logits)
    {
        var max = float.NegativeInfinity;
        var i = 0;
        if (logits.Length >= Vector256<float>.Count)
        {
            var lanes = Vector256.Create(max);
            for (; i + Vector256<float>.Count <= logits.Length; i += Vector256<float>.Count)
            {
                var values = Vector256.Create(logits[i..]);
                lanes = Vector256.ConditionalSelect(Vector256.GreaterThan(values, lanes), values, lanes);
            }

            for (var lane = 0; lane < Vector256<float>.Count; lane++)
            {
                max = lanes[lane] > max ? lanes[lane] : max;
            }
        }

        for (; i < logits.Length; i++)
        {
            max = logits[i] > max ? logits[i] : max;
        }

        return max;
    }

    private static RequestFailedException NotFinite() =>
        new("The logits hold NaN or infinity: the weights, or the precision they were run in, cannot be used.", null);

    private static bool ContainsNaN(ReadOnlySpan<float> logits)
    {
        var i = 0;
        for (; i + Vector256<float>.Count <= logits.Length; i += Vector256<float>.Count)
        {
            var values = Vector256.Create(logits[i..]);
            if (!Vector256.EqualsAll(values, values))
            {
                return true;
            }
        }

        for (; i < logits.Length; i++)
        {
            if (float.IsNaN(logits[i]))
            {
                return true;
            }
        }

        return false;
    }
}
