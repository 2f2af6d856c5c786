using System.Globalization;
using System.Runtime.Intrinsics;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Sampling;

/// <summary>
/// HuggingFace's logits processors and warpers (<c>generation/logits_process.py</c>) in place on a row of logits, in
/// the order of <c>_get_logits_processor</c>: allowed ids, biases, repetition penalty, no-repeat n-grams, bad words,
/// the least number of tokens; vLLM's frequency and presence penalties follow the repetition penalty. Then, for
/// sampling, temperature, top-k, top-p, min-p, typical-p. Where nothing was banned, at least one token is kept.
/// </summary>
/// <remarks>
/// Owns its scratch memory: after the first row nothing is allocated. Not thread-safe. The results are the same bits on
/// every machine. Probabilities are computed in double and rounded to float where PyTorch has float32.
/// </remarks>
internal sealed class LogitsProcessors
{
    private readonly RadixSelect _select = new();
    private readonly float[] _best = new float[128];
    private readonly bool[] _seen;
    private readonly int[] _counts;
    private readonly uint[] _keys;
    private readonly double[] _weights;
    private readonly int[] _ids;
    private readonly int[] _places;
    private readonly float[] _logits;
    private int _count;

    /// <summary>Processors for rows of a vocabulary.</summary>
    /// <param name="vocabSize">Logits in a row.</param>
    public LogitsProcessors(int vocabSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vocabSize);
        _seen = new bool[vocabSize];
        _counts = new int[vocabSize];
        _keys = new uint[vocabSize];
        _weights = new double[vocabSize];
        _ids = new int[vocabSize];
        _places = new int[vocabSize];
        _logits = new float[vocabSize];
    }

    /// <summary>Logits in a row.</summary>
    public int VocabSize => _seen.Length;

    /// <summary>Tokens that <see cref="Select"/> left, in order of their ids.</summary>
    public ReadOnlySpan<int> CandidateIds => _ids.AsSpan(0, _count);

    /// <summary>Their logits.</summary>
    public Span<float> CandidateLogits => _logits.AsSpan(0, _count);

    /// <summary>
    /// Applies what holds for greedy decoding and beam search too: allowed ids, biases, repetition, frequency and
    /// presence penalty, no-repeat n-grams, bad words, and the least number of tokens.
    /// </summary>
    /// <param name="logits">(vocabulary): logits, or log-probabilities in beam search.</param>
    /// <param name="history">The sequence so far, prompt included.</param>
    /// <param name="generated">How many of its tokens, from the last, were generated.</param>
    /// <param name="rules">The request's options.</param>
    public void Process(Span<float> logits, ReadOnlySpan<int> history, int generated, TokenRules rules)
    {
        CheckLength(logits);
        var options = rules.Options;
        if (rules.Allowed is { } allowed)
        {
            TokenMask.Keep(allowed, logits);
        }

        AddBiases(logits, rules.Biases);
        if (options.RepetitionPenalty is { } penalty && penalty != 1)
        {
            PenalizeRepetition(logits, history, penalty);
        }

        if (options.FrequencyPenalty is not (null or 0) || options.PresencePenalty is not (null or 0))
        {
            PenalizeGenerated(
                logits, history[^generated..], options.FrequencyPenalty ?? 0, options.PresencePenalty ?? 0);
        }

        if (options.NoRepeatNgramSize is > 0 and var size)
        {
            BanRepeatedNgrams(logits, history, size);
        }

        foreach (var word in rules.BadWords)
        {
            if (history.EndsWith(word.AsSpan(0, word.Length - 1)))
            {
                logits[word[^1]] = float.NegativeInfinity;
            }
        }

        if (generated < options.MinNewTokens)
        {
            foreach (var id in rules.Ends)
            {
                logits[id] = float.NegativeInfinity;
            }
        }
    }

    /// <summary>
    /// Applies temperature, top-k, top-p, min-p and typical-p; the tokens that stay are <see cref="CandidateIds"/> and
    /// <see cref="CandidateLogits"/>, though some of the logits may be −∞.
    /// </summary>
    public void Select(Span<float> logits, GenerationOptions options)
    {
        CheckLength(logits);
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

    /// <summary>HuggingFace's <c>RepetitionPenaltyLogitsProcessor</c>: each token of the history once.</summary>
    private void PenalizeRepetition(Span<float> logits, ReadOnlySpan<int> history, float penalty)
    {
        var overflowed = float.NaN;
        foreach (var id in history)
        {
            if (!_seen[id])
            {
                _seen[id] = true;
                var logit = logits[id];
                logits[id] = logit < 0 ? logit * penalty : logit / penalty;
                if (float.IsPositiveInfinity(logits[id]) && float.IsFinite(logit))
                {
                    overflowed = logit;
                }
            }
        }

        foreach (var id in history)
        {
            _seen[id] = false;
        }

        if (!float.IsNaN(overflowed))
        {
            throw new OptionException(
                "repetition_penalty",
                penalty.ToString(CultureInfo.InvariantCulture),
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"nearer to 1: a logit of {overflowed} divided by it is infinite"));
        }
    }

    /// <summary>
    /// HuggingFace's <c>SequenceBiasLogitsProcessor</c> for single tokens; OpenAI's <c>logit_bias</c>.
    /// </summary>
    private static void AddBiases(Span<float> logits, ReadOnlySpan<(int Id, float Bias)> biases)
    {
        foreach (var (id, bias) in biases)
        {
            var logit = logits[id];
            logits[id] = logit + bias;
            if (float.IsPositiveInfinity(logits[id]) && float.IsFinite(logit))
            {
                throw new OptionException(
                    "logit_bias",
                    bias.ToString(CultureInfo.InvariantCulture),
                    string.Create(
                        CultureInfo.InvariantCulture, $"nearer to 0: a logit of {logit} plus it is infinite"));
            }
        }
    }

    /// <summary>vLLM's frequency and presence penalties: each generated token by how often it came, and once.</summary>
    private void PenalizeGenerated(Span<float> logits, ReadOnlySpan<int> generated, float frequency, float presence)
    {
        foreach (var id in generated)
        {
            _counts[id]++;
        }

        foreach (var id in generated)
        {
            if (_counts[id] > 0)
            {
                logits[id] -= frequency * _counts[id];
                logits[id] -= presence;
                _counts[id] = 0;
            }
        }
    }

    /// <summary>
    /// HuggingFace's <c>NoRepeatNGramLogitsProcessor</c>: what followed the history's last n − 1 tokens before does not
    /// follow again.
    /// </summary>
    private static void BanRepeatedNgrams(Span<float> logits, ReadOnlySpan<int> history, int size)
    {
        if (history.Length < size)
        {
            return;
        }

        var last = history[(history.Length - size + 1)..];
        for (var i = 0; i + size <= history.Length; i++)
        {
            if (history.Slice(i, size - 1).SequenceEqual(last))
            {
                logits[history[i + size - 1]] = float.NegativeInfinity;
            }
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

    private void CheckLength(ReadOnlySpan<float> logits)
    {
        if (logits.Length != VocabSize)
        {
            throw new ArgumentException($"{logits.Length} logits for a vocabulary of {VocabSize}.", nameof(logits));
        }
    }
}
