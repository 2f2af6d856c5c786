using TorchKv.Runtime.Contracts;

namespace TorchKv.Extensions.AI.Options;

/// <summary>
/// What a chat client's caller or an HTTP request asks of a generation, in OpenAI's and vLLM's terms; null where it
/// says nothing. The one place that says what each field becomes in <see cref="GenerationOptions"/>.
/// </summary>
/// <remarks>Names in errors are the fields' names in JSON.</remarks>
internal sealed record RequestedOptions
{
    /// <summary>
    /// OpenAI's default, where neither temperature nor another option that makes the choice random is given.
    /// </summary>
    public const float DefaultTemperature = 1;

    /// <summary>Options that stand where the request leaves a field out; null: none.</summary>
    public GenerationOptions? Base { get; init; }

    /// <summary>The name of the field that gave <see cref="MaxTokens"/>.</summary>
    public string MaxTokensField { get; init; } = "max_tokens";

    /// <summary>The most tokens to generate; null: as many as the context has room for.</summary>
    public int? MaxTokens { get; init; }

    public float? Temperature { get; init; }

    public float? TopP { get; init; }

    /// <summary>0 and -1: all tokens.</summary>
    public int? TopK { get; init; }

    public float? MinP { get; init; }

    public float? RepetitionPenalty { get; init; }

    public float? FrequencyPenalty { get; init; }

    public float? PresencePenalty { get; init; }

    public long? Seed { get; init; }

    public IReadOnlyList<string>? Stop { get; init; }

    public IReadOnlyList<int>? StopTokenIds { get; init; }

    public bool? IgnoreEos { get; init; }

    public bool? IncludeStop { get; init; }

    public int? MinTokens { get; init; }

    public IReadOnlyDictionary<int, float>? LogitBias { get; init; }

    public IReadOnlyList<int>? AllowedTokenIds { get; init; }

    public IReadOnlyList<string>? BadWords { get; init; }

    public int? Samples { get; init; }

    public int? LogProbs { get; init; }

    public bool? PromptLogProbs { get; init; }

    public int? Priority { get; init; }

    public string? CacheSalt { get; init; }

    /// <summary>Which texts may be generated; null: any.</summary>
    public TokenConstraint? Constraint { get; init; }

    /// <summary>The options of one prompt's generation.</summary>
    /// <param name="model">The model.</param>
    /// <param name="promptTokens">Tokens of the prompt.</param>
    /// <exception cref="OptionException">
    /// A field has a value that it cannot have, or that is not implemented.
    /// </exception>
    /// <exception cref="ContextLengthException">
    /// Prompt and <see cref="MaxTokens"/> together do not fit the context.
    /// </exception>
    public GenerationOptions ToGenerationOptions(ModelShape model, int promptTokens)
    {
        RefuseWhatTheEngineLacks();
        var given = Base ?? new GenerationOptions();
        var options = given with
        {
            MaxNewTokens = MaxNewTokens(model, promptTokens),
            Temperature = given.Temperature ?? Temperature ?? (given.IsGreedy ? DefaultTemperature : null),
            TopP = given.TopP ?? TopP,
            TopK = given.TopK ?? (TopK == -1 ? 0 : TopK),
            MinP = given.MinP ?? MinP,
            RepetitionPenalty = given.RepetitionPenalty ?? RepetitionPenalty,
            Seed = given.Seed ?? (Seed is { } seed ? unchecked((ulong)seed) : null),
            Stop = [.. given.Stop.Union(Stop ?? [])],
            EosTokenIds = EndIds(model, given),
            Samples = Samples ?? given.Samples,
            LogProbs = given.LogProbs ?? LogProbs,
            PromptLogProbs = PromptLogProbs ?? given.PromptLogProbs,
            Priority = Priority ?? given.Priority,
            CacheSalt = given.CacheSalt ?? CacheSalt,
            Constraint = given.Constraint ?? Constraint,
        };
        options.Validate();
        return options;
    }

    private int MaxNewTokens(ModelShape model, int promptTokens)
    {
        var wanted = Base is { MaxNewTokens: var set } && set != new GenerationOptions().MaxNewTokens ? set : MaxTokens;
        if (wanted is not { } most)
        {
            return Math.Max(1, model.ContextLength - promptTokens);
        }

        if (most < 0)
        {
            throw Invalid(MaxTokensField, most, "at least 0");
        }

        return promptTokens + (long)most <= model.ContextLength
            ? most
            : throw new ContextLengthException(promptTokens, most, model.ContextLength);
    }

    /// <summary>Stop ids end a text as the model's own do; ignoring those leaves the stop ids.</summary>
    private IReadOnlyList<int>? EndIds(ModelShape model, GenerationOptions given)
    {
        foreach (var id in StopTokenIds ?? [])
        {
            if ((uint)id >= (uint)model.VocabSize)
            {
                throw Invalid("stop_token_ids", id, $"ids from 0 to {model.VocabSize - 1}");
            }
        }

        var own = IgnoreEos == true ? [] : given.EosTokenIds;
        return StopTokenIds is { Count: > 0 } ? [.. own ?? model.EosTokenIds, .. StopTokenIds] : own;
    }

    /// <summary>Each line goes when the engine has the option, and the option is set above.</summary>
    private void RefuseWhatTheEngineLacks()
    {
        Refuse("frequency_penalty", FrequencyPenalty is not (null or 0), "0");
        Refuse("presence_penalty", PresencePenalty is not (null or 0), "0");
        Refuse("min_tokens", MinTokens is not (null or 0), "0");
        Refuse("include_stop_str_in_output", IncludeStop == true, "false");
        Refuse("logit_bias", LogitBias is { Count: > 0 }, "empty");
        Refuse("allowed_token_ids", AllowedTokenIds is not null, "unset");
        Refuse("bad_words", BadWords is { Count: > 0 }, "empty");
    }

    private static void Refuse(string field, bool isSet, string only)
    {
        if (isSet)
        {
            throw new OptionException(field, "set", only + ": this engine does not have it");
        }
    }

    private static OptionException Invalid(string field, IFormattable value, string limits)
        => new(field, value.ToString(null, System.Globalization.CultureInfo.InvariantCulture), limits);
}
