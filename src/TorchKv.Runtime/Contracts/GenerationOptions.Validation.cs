using System.Globalization;

namespace TorchKv.Runtime.Contracts;

/// <content>The limits of every option.</content>
public sealed partial record GenerationOptions
{
    /// <summary>Checks every option.</summary>
    /// <exception cref="OptionException">
    /// An option is outside its limits; the message names option, value and limits.
    /// </exception>
    public void Validate()
    {
        ValidateSampling();
        Check("max_new_tokens", MaxNewTokens, MaxNewTokens >= 0, "at least 0");
        Check("n", Samples, Samples is >= 1 and <= MaxSamples, $"1 to {MaxSamples}");
        Check("logprobs", LogProbs, LogProbs is null or (>= 0 and <= MaxLogProbs), $"0 to {MaxLogProbs}");
        Check("deadline", Deadline?.TotalSeconds, Deadline is null || Deadline > TimeSpan.Zero, "above 0 seconds");
        ValidateStop();
        ValidateTokenRules();
        ValidateGeneratedBefore();
        Speculation?.Validate();
        if (Constraint is not null)
        {
            ValidateConstraint();
        }

        if (Beams is not null)
        {
            ValidateBeams(Beams);
        }
    }

    private void ValidateSampling()
    {
        Check(
            "temperature",
            Temperature,
            Temperature is null or 0 or (>= MinTemperature and < float.PositiveInfinity),
            "0 (greedy) or at least 0.000001");
        Check("top_k", TopK, TopK is null or >= 0, "at least 0 (0: all)");
        Check("top_p", TopP, TopP is null or (>= 0 and <= 1), "from 0 to 1");
        Check("min_p", MinP, MinP is null or (>= 0 and <= 1), "from 0 to 1");
        Check("typical_p", TypicalP, TypicalP is null or (> 0 and <= 1), "above 0 and at most 1");
        Check(
            "repetition_penalty",
            RepetitionPenalty,
            RepetitionPenalty is null or (> 0 and < float.PositiveInfinity),
            "above 0 and finite");
        Check(
            "no_repeat_ngram_size",
            NoRepeatNgramSize,
            NoRepeatNgramSize is null or >= 0,
            "at least 0 (0: any n-gram may repeat)");
    }

    private void ValidateStop()
    {
        // Callers without nullable annotations can set null.
        if (Stop is null)
        {
            throw new OptionException("stop", "null", "a list of texts");
        }

        foreach (var stop in Stop)
        {
            if (string.IsNullOrEmpty(stop))
            {
                throw new OptionException("stop", stop is null ? "null" : "\"\"", "a text of at least one character");
            }
        }
    }

    private void ValidateGeneratedBefore()
    {
        Check(
            "generated_before",
            GeneratedBefore,
            GeneratedBefore >= 0 && GeneratedBefore <= Math.Max(0, MaxNewTokens),
            $"at least 0 and at most max_new_tokens, {MaxNewTokens}");
        if (GeneratedBefore == 0)
        {
            return;
        }

        Check("generated_before", GeneratedBefore, Beams is null, "0 with beams, whose search starts again");
        Check("n", Samples, Samples == 1, "1 with generated_before, which counts the tokens of one sample");
        if (Seed is null && !IsGreedy)
        {
            throw new OptionException("seed", "null", "set with generated_before where the choice is random");
        }
    }

    private void ValidateConstraint()
    {
        if (EosTokenIds is { Count: 0 })
        {
            throw new OptionException(
                "eos_token_ids",
                "an empty list (ignore_eos)",
                "unset or at least one id with a constraint, which says itself where the text may end");
        }

        Check(
            "min_new_tokens",
            MinNewTokens,
            MinNewTokens == 0,
            "0 with a constraint, which says itself where the text may end");
    }

    private void ValidateBeams(BeamSearchOptions beams)
    {
        if (Speculation is not null)
        {
            throw new OptionException("speculation", "set", "unset with beams");
        }

        beams.Validate();
        Check("n", Samples, Samples == 1, "1 with beams; ask for num_return_sequences");
        Check("logprobs", LogProbs, LogProbs is null, "unset with beams");
        Check("max_new_tokens", MaxNewTokens, MaxNewTokens >= 1, "at least 1 with beams");
        if (Stop.Count > 0)
        {
            throw new OptionException("stop", $"{Stop.Count} texts", "empty with beams");
        }

        if (StopTokenIds.Count > 0)
        {
            throw new OptionException(
                "stop_token_ids", $"{StopTokenIds.Count} ids", "empty with beams; give them as eos_token_ids");
        }

        if (IncludeStopText)
        {
            throw new OptionException(
                "include_stop_str_in_output", "true", "false with beams, which have no stop texts");
        }

        if (!IsGreedy)
        {
            throw new OptionException(
                "num_beams",
                $"{beams.NumBeams} with sampling",
                "unset where temperature, top_k, top_p, min_p or typical_p is set: beams are not sampled");
        }
    }

    private static void Check(string option, IFormattable? value, bool isValid, string limits)
    {
        if (!isValid)
        {
            throw new OptionException(option, value?.ToString(null, CultureInfo.InvariantCulture) ?? "null", limits);
        }
    }
}
