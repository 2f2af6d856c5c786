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
    /// <exception cref="OptionException">A field has a value that it cannot have.</exception>
    /// <exception cref="ContextLengthException">
    /// Prompt and <see cref="MaxTokens"/> together do not fit the context.
    /// </exception>
    public GenerationOptions ToGenerationOptions(ModelShape model, int promptTokens)
    {
        var given = Base ?? new GenerationOptions();
        var options = given with
        {
            MaxNewTokens = MaxNewTokens(model, promptTokens),
            Temperature = given.Temperature ?? Temperature ?? (given.IsGreedy ? DefaultTemperature : null),
            TopP = given.TopP ?? TopP,
            TopK = given.TopK ?? (TopK == -1 ? 0 : TopK),
            MinP = given.MinP ?? MinP,
            RepetitionPenalty = given.RepetitionPenalty ?? RepetitionPenalty,
            FrequencyPenalty = given.FrequencyPenalty ?? FrequencyPenalty,
            PresencePenalty = given.PresencePenalty ?? PresencePenalty,
            LogitBias = given.LogitBias ?? LogitBias,
            AllowedTokenIds = given.AllowedTokenIds ?? AllowedTokenIds,
            BadWords = [.. given.BadWords.Union(BadWords ?? [])],
            MinNewTokens = given.MinNewTokens > 0 ? given.MinNewTokens : MinTokens ?? 0,
            Seed = given.Seed ?? (Seed is { } seed ? unchecked((ulong)seed) : null),
            Stop = [.. given.Stop.Union(Stop ?? [])],
            StopTokenIds = [.. given.StopTokenIds.Union(StopTokenIds ?? [])],
            IncludeStopText = IncludeStop ?? given.IncludeStopText,
            EosTokenIds = IgnoreEos == true ? [] : given.EosTokenIds,
            Samples = Samples ?? given.Samples,
            LogProbs = given.LogProbs ?? LogProbs,
            PromptLogProbs = PromptLogProbs ?? given.PromptLogProbs,
            Priority = Priority ?? given.Priority,
            CacheSalt = given.CacheSalt ?? CacheSalt,
            Constraint = given.Constraint ?? Constraint,
        };
        CheckFields(options);
        options.Validate();
        return options;
    }

    /// <summary>Refuses what the engine would refuse under another name.</summary>
    private void CheckFields(GenerationOptions options)
    {
        if (options.Constraint is not null)
        {
            const string Instead = " with a constraint, which says itself where the text may end";
            if (IgnoreEos == true)
            {
                throw new OptionException("ignore_eos", "true", "false" + Instead);
            }

            if (MinTokens > 0)
            {
                throw Invalid("min_tokens", MinTokens.Value, "0" + Instead);
            }
        }

        if (MinTokens is { } least && (least < 0 || least > options.MaxNewTokens))
        {
            throw Invalid("min_tokens", least, $"at least 0 and at most {MaxTokensField}, {options.MaxNewTokens}");
        }
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

    private static OptionException Invalid(string field, IFormattable value, string limits)
        => new(field, value.ToString(null, System.Globalization.CultureInfo.InvariantCulture), limits);
}
