using System.Runtime.Intrinsics;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Sampling;

/// <summary>
/// HuggingFace's logits warpers (<c>generation/logits_process.py</c>) on a row of logits, in the order of
/// <c>_get_logits_processor</c>: temperature, top-k, top-p, min-p, typical-p. Where not every token was banned before,
/// at least one token is kept.
/// </summary>
/// <remarks>
/// Owns its scratch memory: after the first row nothing is allocated. Not thread-safe. The results are the same bits on
/// every machine. Probabilities are computed in double and rounded to float where PyTorch has float32.
/// </remarks>
internal sealed class LogitsWarpers
{
    private readonly RadixSelect _select = new();
    private readonly float[] _best = new float[128];
    private readonly uint[] _keys;
    private readonly double[] _weights;
    private readonly int[] _ids;
    private readonly int[] _places;
    private readonly float[] _logits;
    private int _count;

    /// <summary>Warpers for rows of a vocabulary.</summary>
    /// <param name="vocabSize">Logits in a row.</param>
    public LogitsWarpers(int vocabSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vocabSize);
        _keys = new uint[vocabSize];
        _weights = new double[vocabSize];
        _ids = new int[vocabSize];
        _places = new int[vocabSize];
        _logits = new float[vocabSize];
    }

    /// <summary>Tokens that <see cref="Select"/> left, in order of their ids.</summary>
    public ReadOnlySpan<int> CandidateIds => _ids.AsSpan(0, _count);

    /// <summary>Their logits.</summary>
    public Span<float> CandidateLogits => _logits.AsSpan(0, _count);

    /// <summary>
    /// Applies temperature, top-k, top-p, min-p and typical-p; the tokens that stay are <see cref="CandidateIds"/> and
    /// <see cref="CandidateLogits"/>, though some of the logits may be −∞.
    /// </summary>
    public void Select(Span<float> logits, GenerationOptions options)
    {
        LogitsRow.CheckLength(logits, _ids.Length);
        if (options.Temperature is { } temperature && temperature != 1)
        {
            Divide(logits, temperature);
        }

        Gather(
            logits,
            options.TopK is > 0 and var k && k < logits.Length ? KthLargest(logits, k) : float.NegativeInfinity);
        if (options.TopP is < 1 and var topP)
        {
            KeepTopP(CandidateLogits, topP);
        }

        if (options.MinP is { } minP)
        {
            KeepMinP(CandidateLogits, minP);
        }

        if (options.TypicalP is < 1 and var typicalP)
        {
            KeepTypical(CandidateLogits, typicalP);
        }
    }

    /// <summary>HuggingFace's <c>TemperatureLogitsWarper</c>.</summary>
    private static void Divide(Span<float> logits, float temperature)
    {
        foreach (ref var logit in logits)
        {
            logit /= temperature;
        }
    }

    private void Gather(ReadOnlySpan<float> logits, float least)
    {
        _count = 0;
        for (var id = 0; id < logits.Length; id++)
        {
            if (logits[id] >= least && logits[id] != float.NegativeInfinity)
            {
                _ids[_count] = id;
                _logits[_count++] = logits[id];
            }
        }
    }

    /// <summary>What <c>TopKLogitsWarper</c> compares with: logits below it go, ties with it stay.</summary>
    private float KthLargest(ReadOnlySpan<float> logits, int k)
    {
        if (k > _best.Length)
        {
            var keys = Keys(logits);
            var below = 0.0;
            var key = _select.Find(keys, [], logits.Length - k, ref below);
            return logits[keys.IndexOf(key)];
        }

        // Few of a long row: the best so far, least first, in which hardly any logit has to be put.
        var best = _best.AsSpan(0, k);
        best.Fill(float.NegativeInfinity);
        foreach (var logit in logits)
        {
            if (logit > best[0])
            {
                var at = 0;
                for (; at + 1 < k && best[at + 1] < logit; at++)
                {
                    best[at] = best[at + 1];
                }

                best[at] = logit;
            }
        }

        return best[0];
    }

    /// <summary>
    /// HuggingFace's <c>TopPLogitsWarper</c>: from the least probable up, tokens go while their sum is at most 1 − p;
    /// of equal ones the lower id first.
    /// </summary>
    private void KeepTopP(Span<float> logits, float topP)
    {
        if (logits.IsEmpty)
        {
            return;
        }

        var probabilities = Probabilities(logits, out _);
        var threshold = (float)(1 - AsWritten(topP));

        // Tokens up to threshold ÷ (n + 1) can be dropped without sorting: together they do not reach the threshold.
        var negligible = threshold / (logits.Length + 1);
        var sum = 0.0;
        var count = 0;
        for (var i = 0; i < logits.Length; i++)
        {
            var probability = probabilities[i];
            if (probability > negligible)
            {
                (_places[count], _keys[count], probabilities[count]) = (i, RadixSelect.Key(logits[i]), probability);
                count++;
            }
            else
            {
                sum += probability;
                logits[i] = float.NegativeInfinity;
            }
        }

        var pivot = _select.Find(_keys.AsSpan(0, count), probabilities[..count], threshold, ref sum);
        var (kept, last) = (0, 0);
        for (var i = 0; i < count; i++)
        {
            if (_keys[i] == pivot)
            {
                sum += probabilities[i];
                last = _places[i];
            }

            if (_keys[i] > pivot || (_keys[i] == pivot && (float)sum > threshold))
            {
                kept++;
            }
            else
            {
                logits[_places[i]] = float.NegativeInfinity;
            }
        }

        if (kept == 0)
        {
            logits[last] = FromKey(pivot);
        }
    }

    /// <summary>HuggingFace's <c>MinPLogitsWarper</c>.</summary>
    private void KeepMinP(Span<float> logits, float minP)
    {
        if (logits.IsEmpty)
        {
            return;
        }

        var probabilities = Probabilities(logits, out var greatest);
        var least = minP * (float)greatest;
        for (var i = 0; i < logits.Length; i++)
        {
            if ((float)probabilities[i] < least)
            {
                logits[i] = float.NegativeInfinity;
            }
        }
    }

    /// <summary>
    /// HuggingFace's <c>TypicalLogitsWarper</c>: tokens whose surprise is closest to the entropy, until they have the
    /// mass; those as far as the last of them stay too.
    /// </summary>
    private void KeepTypical(Span<float> logits, float mass)
    {
        if (logits.IsEmpty)
        {
            return;
        }

        var probabilities = Probabilities(logits, out _);
        var logSum = LogitsRow.LogSum(logits);
        var entropy = 0.0;
        for (var i = 0; i < logits.Length; i++)
        {
            entropy -= probabilities[i] > 0 ? probabilities[i] * (float)(logits[i] - logSum) : 0;
        }

        var keys = _keys.AsSpan(0, logits.Length);
        for (var i = 0; i < logits.Length; i++)
        {
            keys[i] = RadixSelect.Key(Math.Abs(-(float)(logits[i] - logSum) - (float)entropy));
        }

        // The first token whose sum is not below the mass is the last that stays.
        var below = 0.0;
        var pivot = _select.Find(keys, probabilities, MathF.BitDecrement((float)AsWritten(mass)), ref below);
        for (var i = 0; i < logits.Length; i++)
        {
            if (keys[i] > pivot)
            {
                logits[i] = float.NegativeInfinity;
            }
        }
    }

    /// <summary>Softmax, each rounded to float; in scratch until the next call.</summary>
    private Span<double> Probabilities(ReadOnlySpan<float> logits, out double greatest)
    {
        var weights = _weights.AsSpan(0, logits.Length);
        DeterministicMath.Exp(logits, LogitsRow.Max(logits), weights);
        var sum = DeterministicMath.Sum(weights);
        var i = 0;
        for (; i + Vector256<float>.Count <= weights.Length; i += Vector256<float>.Count)
        {
            var part = weights.Slice(i, Vector256<float>.Count);
            var rounded = Vector256.Narrow(
                Vector256.Create<double>(part) / Vector256.Create(sum),
                Vector256.Create<double>(part[Vector256<double>.Count..]) / Vector256.Create(sum));
            var (lower, upper) = Vector256.Widen(rounded);
            lower.CopyTo(part);
            upper.CopyTo(part[Vector256<double>.Count..]);
        }

        for (; i < weights.Length; i++)
        {
            weights[i] = (float)(weights[i] / sum);
        }

        // e^0 ÷ sum: no other is greater.
        greatest = (float)(1 / sum);
        return weights;
    }

    private Span<uint> Keys(ReadOnlySpan<float> logits)
    {
        var keys = _keys.AsSpan(0, logits.Length);
        for (var i = 0; i < logits.Length; i++)
        {
            keys[i] = RadixSelect.Key(logits[i]);
        }

        return keys;
    }

    private static float FromKey(uint key) =>
        BitConverter.UInt32BitsToSingle((key & 0x8000_0000) != 0 ? key & 0x7FFF_FFFF : ~key);

    /// <summary>0.9f is 0.89999998; the option that was written, and HuggingFace takes, is 0.9.</summary>
    private static double AsWritten(float value) => (double)(decimal)value;
}
