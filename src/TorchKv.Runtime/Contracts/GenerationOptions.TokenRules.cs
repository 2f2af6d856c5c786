namespace TorchKv.Runtime.Contracts;

/// <content>Options that name tokens, or bear on single tokens.</content>
public sealed partial record GenerationOptions
{
    /// <summary>The most entries of <see cref="LogitBias"/>.</summary>
    public const int MaxLogitBiases = 4096;

    /// <summary>The most entries of <see cref="StopTokenIds"/>.</summary>
    public const int MaxStopTokenIds = 1024;

    /// <summary>The most entries of <see cref="BadWords"/>, and of <see cref="BadWordsIds"/>.</summary>
    public const int MaxBadWords = 1024;

    /// <summary>The most characters of a bad word, and the most ids.</summary>
    public const int MaxBadWordLength = 256;

    /// <summary>
    /// By token id, what is added to a token's logit before any other option but <see cref="Constraint"/> and
    /// <see cref="AllowedTokenIds"/>: any finite number. Null: nothing.
    /// </summary>
    public IReadOnlyDictionary<int, float>? LogitBias { get; init; }

    /// <summary>
    /// Taken off a token's logit for each time that the sample generated it, −2 to 2; the prompt does not count. Null
    /// and 0: none.
    /// </summary>
    public float? FrequencyPenalty { get; init; }

    /// <summary>
    /// Taken off the logit of each token that the sample generated, −2 to 2; the prompt does not count. Null and 0:
    /// none.
    /// </summary>
    public float? PresencePenalty { get; init; }

    /// <summary>
    /// Tokens before which nothing ends the text: end-of-text ids and stop ids are not chosen, and a stop text that is
    /// complete by then counts for nothing.
    /// </summary>
    public int MinNewTokens { get; init; }

    /// <summary>
    /// Further ids that end the text; the reader is told which one. They are not part of the text, unless
    /// <see cref="IncludeStopText"/> is on.
    /// </summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];

    /// <summary>Whether the stop text, or the stop token, that ended the text is part of it.</summary>
    public bool IncludeStopText { get; init; }

    /// <summary>
    /// Texts that are not generated, at the beginning of a word or within one. Each is taken as the tokenizer writes
    /// it with and without a space before it; other ways to cut it into tokens stay possible.
    /// </summary>
    public IReadOnlyList<string> BadWords { get; init; } = [];

    /// <summary>
    /// Sequences of ids that are not generated: where all ids of one but the last stand at the end of the text, the
    /// prompt included, the last is not chosen.
    /// </summary>
    public IReadOnlyList<IReadOnlyList<int>> BadWordsIds { get; init; } = [];

    /// <summary>The only ids that may be generated, those that end the text included; null: all.</summary>
    public IReadOnlyList<int>? AllowedTokenIds { get; init; }

    /// <summary>The same options with lists that the caller does not have.</summary>
    internal GenerationOptions WithOwnLists() => this with
    {
        EosTokenIds = EosTokenIds is null ? null : [.. EosTokenIds],
        Stop = Stop is null ? null! : [.. Stop],
        LogitBias = LogitBias is null ? null : new Dictionary<int, float>(LogitBias),
        StopTokenIds = StopTokenIds is null ? null! : [.. StopTokenIds],
        BadWords = BadWords is null ? null! : [.. BadWords],
        BadWordsIds = BadWordsIds is null
            ? null!
            : [.. BadWordsIds.Select(ids => ids is null ? null! : (int[])[.. ids])],
        AllowedTokenIds = AllowedTokenIds is null ? null : [.. AllowedTokenIds],
    };

    private void ValidateTokenRules()
    {
        Check(
            "frequency_penalty", FrequencyPenalty, FrequencyPenalty is null or (>= -2 and <= 2), "from -2 to 2");
        Check("presence_penalty", PresencePenalty, PresencePenalty is null or (>= -2 and <= 2), "from -2 to 2");
        Check(
            "min_new_tokens",
            MinNewTokens,
            MinNewTokens >= 0 && MinNewTokens <= Math.Max(0, MaxNewTokens),
            $"at least 0 and at most max_new_tokens, {MaxNewTokens}");
        CheckCount("logit_bias", LogitBias?.Count ?? 0, MaxLogitBiases);
        foreach (var (id, bias) in LogitBias ?? new Dictionary<int, float>())
        {
            Check($"logit_bias[{id}]", bias, float.IsFinite(bias), "a finite number");
        }

        CheckCount("stop_token_ids", StopTokenIds?.Count, MaxStopTokenIds);
        if (AllowedTokenIds is { Count: 0 })
        {
            throw new OptionException("allowed_token_ids", "an empty list", "unset or at least one id");
        }

        ValidateBadWords();
    }

    private void ValidateBadWords()
    {
        CheckCount("bad_words", BadWords?.Count, MaxBadWords);
        CheckCount("bad_words_ids", BadWordsIds?.Count, MaxBadWords);
        foreach (var word in BadWords!)
        {
            if (word is not { Length: >= 1 and <= MaxBadWordLength })
            {
                throw new OptionException(
                    "bad_words",
                    word is null ? "null" : $"a text of {word.Length} characters",
                    $"texts of 1 to {MaxBadWordLength} characters");
            }
        }

        foreach (var ids in BadWordsIds!)
        {
            if (ids is not { Count: >= 1 and <= MaxBadWordLength })
            {
                throw new OptionException(
                    "bad_words_ids",
                    ids is null ? "null" : $"{ids.Count} ids",
                    $"lists of 1 to {MaxBadWordLength} ids");
            }
        }
    }

    /// <param name="option">The option's name.</param>
    /// <param name="count">Its entries; null where the list itself is.</param>
    /// <param name="most">The most that it may have.</param>
    private static void CheckCount(string option, int? count, int most)
    {
        if (count is null || count > most)
        {
            throw new OptionException(
                option, count is null ? "null" : $"{count} entries", $"a list of at most {most} entries");
        }
    }
}
