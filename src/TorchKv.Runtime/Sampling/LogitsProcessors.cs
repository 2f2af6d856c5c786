using System.Globalization;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Sampling;

/// <summary>
/// HuggingFace's logits processors (<c>generation/logits_process.py</c>) in place on a row of logits, in the order of
/// <c>_get_logits_processor</c>: allowed ids, biases, repetition penalty, no-repeat n-grams, bad words, the least
/// number of tokens; vLLM's frequency and presence penalties follow the repetition penalty. They hold for greedy
/// decoding and beam search too; <see cref="LogitsWarpers"/> are for sampling.
/// </summary>
/// <remarks>
/// Owns its scratch memory: after the first row nothing is allocated. Not thread-safe. The results are the same bits on
/// every machine.
/// </remarks>
internal sealed class LogitsProcessors
{
    private readonly bool[] _seen;
    private readonly int[] _counts;

    /// <summary>Processors for rows of a vocabulary.</summary>
    /// <param name="vocabSize">Logits in a row.</param>
    public LogitsProcessors(int vocabSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vocabSize);
        _seen = new bool[vocabSize];
        _counts = new int[vocabSize];
    }

    /// <summary>Logits in a row.</summary>
    public int VocabSize => _seen.Length;

    /// <summary>
    /// Applies allowed ids, biases, repetition, frequency and presence penalty, no-repeat n-grams, bad words, and the
    /// least number of tokens.
    /// </summary>
    /// <param name="logits">(vocabulary): logits, or log-probabilities in beam search.</param>
    /// <param name="history">The sequence so far, prompt included.</param>
    /// <param name="generated">How many of its tokens, from the last, were generated.</param>
    /// <param name="rules">The request's options.</param>
    public void Process(Span<float> logits, ReadOnlySpan<int> history, int generated, TokenRules rules)
    {
        LogitsRow.CheckLength(logits, VocabSize);
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
}
