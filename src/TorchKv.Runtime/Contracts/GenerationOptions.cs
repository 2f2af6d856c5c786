namespace TorchKv.Runtime.Contracts;

/// <summary>What one generation is to do: how tokens are chosen, and when it ends. Immutable.</summary>
public record GenerationOptions : SamplingOptions
{
    /// <summary>The most tokens to generate; it counts tokens, not positions. 0 is of use with <see cref="PromptLogProbs"/>.</summary>
    public int MaxNewTokens { get; init; } = 64;

    /// <summary>Ids that end the text; null: the model's own; empty: none.</summary>
    public IReadOnlyList<int>? EosTokenIds { get; init; }

    /// <summary>Texts that end the text where they appear, across token borders too; they are not part of it.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>Samples to draw from one prompt, as rows 0 … n − 1 of the stream. Row 0 is what one sample alone would be.</summary>
    public int Samples { get; init; } = 1;

    /// <summary>Lower runs first. Among requests of one priority the one that came first does.</summary>
    public int Priority { get; init; }

    /// <summary>Time from submission after which the request ends with <see cref="DeadlineExceededException"/>; null: none.</summary>
    public TimeSpan? Deadline { get; init; }

    /// <summary>Requests find each other's cached blocks only under the same salt: one for each tenant keeps them apart.</summary>
    public string? CacheSalt { get; init; }

    /// <summary>Log-probabilities for each new token: how many of the best besides the token's own; null: none at all.</summary>
    public int? LogProbs { get; init; }

    /// <summary>Whether the prompt's tokens get log-probabilities too. Such a prompt is computed in full, cached or not.</summary>
    public bool PromptLogProbs { get; init; }

    /// <summary>Searches with beams instead of choosing token by token; each sequence found is one piece, best first. Null: none.</summary>
    /// <remarks>Not together with samples, stop texts, log-probabilities of new tokens or an option that makes the choice random.</remarks>
    public BeamSearchOptions? Beams { get; init; }

    /// <summary>Guesses ahead and lets the model verify, which gives the same tokens sooner; null: token by token.</summary>
    public SpeculationOptions? Speculation { get; init; }

    /// <summary>The most samples that may be drawn from one prompt.</summary>
    public const int MaxSamples = 1024;

    /// <summary>The most log-probabilities that may be asked for each token.</summary>
    public const int MaxLogProbs = 100;

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        Check("max_new_tokens", MaxNewTokens, MaxNewTokens >= 0, "at least 0");
        Check("n", Samples, Samples is >= 1 and <= MaxSamples, $"1 to {MaxSamples}");
        Check("logprobs", LogProbs, LogProbs is null or (>= 0 and <= MaxLogProbs), $"0 to {MaxLogProbs}");
        Check("deadline", Deadline?.TotalSeconds, Deadline is null || Deadline > TimeSpan.Zero, "above 0 seconds");
        Speculation?.Validate();
        if (Beams is not null)
        {
            if (Speculation is not null)
            {
                throw new OptionException("speculation", "set", "unset with beams");
            }

            Beams.Validate();
            Check("n", Samples, Samples == 1, "1 with beams; ask for num_return_sequences");
            Check("logprobs", LogProbs, LogProbs is null, "unset with beams");
            Check("max_new_tokens", MaxNewTokens, MaxNewTokens >= 1, "at least 1 with beams");
            if (Stop?.Count > 0)
            {
                throw new OptionException("stop", $"{Stop.Count} texts", "empty with beams");
            }

            if (!IsGreedy)
            {
                throw new OptionException("num_beams", $"{Beams.NumBeams} with sampling", "unset where temperature, top_k, top_p, min_p or typical_p is set: beams are not sampled");
            }
        }

        foreach (var stop in Stop ?? throw new OptionException("stop", "null", "a list of texts"))
        {
            if (string.IsNullOrEmpty(stop))
            {
                throw new OptionException("stop", stop is null ? "null" : "\"\"", "a text of at least one character");
            }
        }
    }
}
