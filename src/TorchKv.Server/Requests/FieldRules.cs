using System.Text.Json;
using TorchKv.Extensions.AI.Options;
using TorchKv.Server.Configuration;
using TorchKv.Server.Contracts;
using TorchKv.Server.Errors;
using TorchKv.Server.Security;

namespace TorchKv.Server.Requests;

/// <summary>What the fields that completions and chats share may be, and what they become.</summary>
internal sealed class FieldRules(TorchKvServerOptions limits)
{
    private const int MaxSaltLength = 1024;

    /// <summary>What a request asks of its generations, as far as the shared fields say.</summary>
    /// <exception cref="ApiException">A field has a value that it cannot have.</exception>
    public RequestedOptions Map(GenerationFields fields, int vocabSize)
    {
        Refuse(fields);
        CheckRange("temperature", fields.Temperature, 0, 2);
        CheckRange("top_p", fields.TopP, 0, 1);
        CheckRange("min_p", fields.MinP, 0, 1);
        CheckRange("frequency_penalty", fields.FrequencyPenalty, -2, 2);
        CheckRange("presence_penalty", fields.PresencePenalty, -2, 2);
        CheckRange("min_tokens", fields.MinTokens, 0, int.MaxValue);
        CheckRange("top_k", fields.TopK, -1, int.MaxValue);
        CheckRange("n", fields.N, 1, limits.MaxChoices);
        return new RequestedOptions
        {
            Temperature = (float?)fields.Temperature,
            TopP = (float?)fields.TopP,
            TopK = fields.TopK,
            MinP = (float?)fields.MinP,
            RepetitionPenalty = (float?)fields.RepetitionPenalty,
            FrequencyPenalty = (float?)fields.FrequencyPenalty,
            PresencePenalty = (float?)fields.PresencePenalty,
            Seed = fields.Seed,
            Stop = StopTexts(fields.Stop, "stop"),
            StopTokenIds = Ids("stop_token_ids", fields.StopTokenIds, vocabSize),
            IgnoreEos = fields.IgnoreEos,
            IncludeStop = fields.IncludeStopStrInOutput,
            MinTokens = fields.MinTokens,
            LogitBias = Bias(fields.LogitBias, vocabSize),
            AllowedTokenIds = Ids("allowed_token_ids", fields.AllowedTokenIds, vocabSize),
            BadWords = fields.BadWords,
            Samples = fields.N ?? 1,
            Priority = fields.Priority,
            CacheSalt = Salt(fields.CacheSalt),
            Constraint = AnswerFormats.Of(fields),
        };
    }

    /// <summary>A salt that a request names.</summary>
    /// <exception cref="ApiException">It is empty or too long.</exception>
    public static string? Salt(string? salt) => salt is null or { Length: >= 1 and <= MaxSaltLength }
        ? salt
        : throw ApiException.Invalid("cache_salt", $"cache_salt must have 1 to {MaxSaltLength} characters.");

    /// <summary>Texts that end an answer.</summary>
    /// <exception cref="ApiException">There are too many, or one is empty or too long.</exception>
    public IReadOnlyList<string> StopTexts(JsonElement? field, string param)
    {
        var stop = JsonFields.Texts(field, param);
        return stop.Count > limits.MaxStops ? throw ApiException.Invalid(
            param,
            $"{param} has {stop.Count} texts; {limits.MaxStops} are the most.")
            : stop.All(text => text.Length >= 1 && text.Length <= limits.MaxStopLength) ? stop
            : throw ApiException.Invalid(param, $"{param} must have texts of 1 to {limits.MaxStopLength} characters.");
    }

    /// <summary>The part of an answer's id after its prefix.</summary>
    /// <exception cref="ApiException">The request names one that cannot be.</exception>
    public static string AnswerId(string prefix, string? asked) => prefix + (asked is null ? RequestIds.New()
        : RequestIds.IsSane(asked) ? asked
        : throw ApiException.Invalid("request_id", "request_id must have 1 to 128 of A-Z a-z 0-9 . _ -."));

    /// <summary>What <c>stream</c> and <c>stream_options</c> say together.</summary>
    /// <exception cref="ApiException">stream_options is set without stream.</exception>
    public static GenerationPlan WithStream(GenerationPlan plan, GenerationFields fields)
    {
        var isStream = fields.Stream == true;
        return fields.StreamOptions is null || isStream
            ? plan with
            {
                IsStream = isStream,
                IncludesUsage = fields.StreamOptions?.IncludeUsage == true,
                ReportsRunningUsage = fields.StreamOptions is { IncludeUsage: true, ContinuousUsageStats: true },
                StreamOptions = fields.StreamOptions,
                ReturnsTokenIds = fields.ReturnTokenIds == true,
                NamesTokensByIds = fields.ReturnTokensAsTokenIds == true,
            }
            : throw ApiException.Invalid("stream_options", "stream_options is of use only with stream true.");
    }

    /// <summary>Bounds what one request asks for, all factors together.</summary>
    /// <exception cref="ApiException">It asks for too much.</exception>
    public void CheckWork(int prompts, int samples, int maxTokens, int? logProbs)
    {
        var choices = (long)prompts * samples;
        if (choices > limits.MaxChoices)
        {
            throw ApiException.Invalid(
                prompts > 1 ? "prompt" : "n",
                $"{prompts} prompts with n {samples} are {choices} choices; {limits.MaxChoices} are the most.",
                "request_too_large");
        }

        var work = choices * maxTokens * (1L + (logProbs ?? 0));
        if (work > limits.MaxWork)
        {
            throw ApiException.Invalid(
                samples > 1 ? "n" : "max_tokens",
                $"prompts × n × max_tokens × (1 + logprobs) is {work}; {limits.MaxWork} is the most.",
                "request_too_large");
        }
    }

    /// <summary>A number of log-probabilities.</summary>
    /// <exception cref="ApiException">It is out of its limits.</exception>
    public int? LogProbs(string param, int? count)
    {
        CheckRange(param, count, 0, limits.MaxLogprobs);
        return count;
    }

    /// <summary>Names the fields that no version of the interface has.</summary>
    /// <exception cref="ApiException">There are some, and the options refuse them.</exception>
    public IReadOnlyList<string> Unknown(Dictionary<string, JsonElement>? unknown)
    {
        if (unknown is not { Count: > 0 })
        {
            return [];
        }

        return limits.StrictFields
            ? throw ApiException.Invalid(
                unknown.Keys.First(),
                $"There is no field {unknown.Keys.First()}.",
                "unknown_field")
            : [.. unknown.Keys];
    }

    /// <summary>Refuses a field that is set to something that cannot be honoured.</summary>
    /// <exception cref="ApiException">It is set.</exception>
    public static void RefuseIf(bool isSet, string param, string only)
    {
        if (isSet)
        {
            throw ApiException.Invalid(
                param,
                $"{param} must be {only}: this server does not have it.",
                "unsupported_value");
        }
    }

    /// <summary>A field's name where it is set to something; nothing else.</summary>
    public static IEnumerable<string> Ignored(string name, JsonElement? field)
        => JsonFields.IsEmpty(field) ? [] : [name];

    private static void Refuse(GenerationFields fields)
    {
        RefuseIf(fields.UseBeamSearch == true, "use_beam_search", "false");
        RefuseIf(fields.PromptLogprobs is not null, "prompt_logprobs", "left out (echo with logprobs scores a prompt)");
    }

    /// <summary>Checks a number against its limits; null is none.</summary>
    /// <exception cref="ApiException">It is out of them.</exception>
    public static void CheckRange(string param, double? value, double least, double most)
    {
        if (value is { } set && !(set >= least && set <= most))
        {
            throw ApiException.Invalid(
                param,
                string.Create(
                    System.Globalization.CultureInfo.InvariantCulture,
                    $"{param} is {set}, but must be from {least} to {most}."));
        }
    }

    private static IReadOnlyList<int>? Ids(string param, int[]? ids, int vocabSize)
    {
        for (var i = 0; i < ids?.Length; i++)
        {
            if ((uint)ids[i] >= (uint)vocabSize)
            {
                throw ApiException.Invalid(
                    param,
                    $"{param}[{i}] is {ids[i]}, but must be a token id from 0 to {vocabSize - 1}.");
            }
        }

        return ids;
    }

    private static Dictionary<int, float>? Bias(Dictionary<string, double>? bias, int vocabSize)
    {
        if (bias is null)
        {
            return null;
        }

        var byId = new Dictionary<int, float>(bias.Count);
        foreach (var (token, value) in bias)
        {
            if (!int.TryParse(
                token,
                System.Globalization.NumberStyles.None,
                System.Globalization.CultureInfo.InvariantCulture,
                out var id) || id >= vocabSize)
            {
                throw ApiException.Invalid(
                    "logit_bias",
                    $"logit_bias names a token that is no id from 0 to {vocabSize - 1}.");
            }

            CheckRange("logit_bias", value, -100, 100);
            byId[id] = (float)value;
        }

        return byId;
    }
}
